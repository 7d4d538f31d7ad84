"""The currency mapping as its editor sees it: sheets, a plan first, all changes recorded and undone."""
