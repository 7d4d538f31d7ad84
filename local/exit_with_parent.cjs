// Loaded into Node before a server that knows nothing of its parent: end when standard input ends.
process.stdin.on('end', () => process.exit(0)).on('error', () => process.exit(0)).resume();
