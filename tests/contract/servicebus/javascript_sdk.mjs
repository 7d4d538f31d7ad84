// The unmodified JavaScript SDK against the broker: cases that run at the same time, each on queues of its own.
// Usage: node javascript_sdk.mjs CONNECTION_STRING CONTROL_URL; prints one line of JSON for each case.
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(new URL("../../../local/package.json", import.meta.url));
const { ServiceBusClient } = require("@azure/service-bus");
const Long = require("long");

const [connectionString, control] = process.argv.slice(2);
const client = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 0, timeoutInMs: 20000 } });
const patient = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 5, retryDelayInMs: 100, timeoutInMs: 2000 } });

const cases = [];
const test = (name, body) => cases.push({ name, body });
const inSeconds = (seconds) => new Date(Date.now() + seconds * 1000);

async function post(path, body) {
  const answer = await fetch(control + path, { method: "POST", body: JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

async function counts(queue) {
  return (await fetch(`${control}/queues/${queue}`)).json();
}

async function until(queue, holds) {
  const end = Date.now() + 15000;
  for (;;) {
    const now = await counts(queue);
    if (holds(now)) return now;
    assert.ok(Date.now() < end, `still ${JSON.stringify(now)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function take(receiver, count) {
  const messages = [];
  while (messages.length < count) {
    const page = await receiver.receiveMessages(count - messages.length, { maxWaitTimeInMs: 10000 });
    assert.ok(page.length > 0, `only ${messages.length} of ${count} messages came`);
    messages.push(...page);
  }
  return messages;
}

async function failsWith(promise, code) {
  await assert.rejects(promise, (error) => {
    assert.equal(error.code, code, `${error.code}: ${error.message}`);
    return true;
  });
}

const sender = (queue) => client.createSender(queue);
const receiver = (queue, options) => client.createReceiver(queue, options);
const bodies = (messages) => messages.map((message) => message.body);

test("a message arrives with all that its sender set", async (queue) => {
  await sender(queue("plain")).sendMessages({
    body: { nested: [1, "zwei"] },
    messageId: "id-1",
    subject: "subject",
    contentType: "application/json",
    correlationId: "correlation",
    partitionKey: "key",
    applicationProperties: { text: "ä", number: 7, flag: true },
  });
  const from = receiver(queue("plain"));
  const [message] = await take(from, 1);
  assert.deepEqual(message.body, { nested: [1, "zwei"] });
  assert.deepEqual(message.applicationProperties, { text: "ä", number: 7, flag: true });
  assert.deepEqual([message.messageId, message.subject, message.partitionKey], ["id-1", "subject", "key"]);
  assert.equal(message.deliveryCount, 0);
  assert.equal(message.state, "active");
  assert.ok(message.lockedUntilUtc > new Date());
  assert.ok(message.enqueuedTimeUtc <= new Date());
  await from.completeMessage(message);
  assert.equal((await counts(queue("plain"))).locked, 0);
});

test("batches arrive in order", async (queue) => {
  const to = sender(queue("plain"));
  const batch = await to.createMessageBatch();
  assert.equal(batch.maxSizeInBytes, 262144);
  for (let n = 0; n < 20; n++) assert.ok(batch.tryAddMessage({ body: n }));
  await to.sendMessages(batch);
  await to.sendMessages([{ body: 20 }, { body: 21 }]);
  const from = receiver(queue("plain"), { receiveMode: "receiveAndDelete" });
  assert.deepEqual(bodies(await take(from, 22)), [...Array(22).keys()]);
  assert.equal((await counts(queue("plain"))).locked, 0);
});

test("a message in many frames arrives whole", async (queue) => {
  const body = Buffer.alloc(200000, "0123456789");
  await sender(queue("plain")).sendMessages({ body });
  const [message] = await take(receiver(queue("plain")), 1);
  assert.ok(body.equals(message.body));
});

test("a message over 256 KB is refused and the link lives on", async (queue) => {
  const to = sender(queue("plain"));
  await failsWith(to.sendMessages({ body: Buffer.alloc(262144) }), "MessageSizeExceeded");
  await to.sendMessages({ body: "small" });
  assert.equal((await counts(queue("plain"))).active, 1);
});

test("an unknown queue is not found", async () => {
  await failsWith(sender("nowhere").sendMessages({ body: 1 }), "MessagingEntityNotFound");
  await failsWith(receiver("nowhere").receiveMessages(1, { maxWaitTimeInMs: 1000 }), "MessagingEntityNotFound");
});

test("an abandoned message comes again with its changed properties", async (queue) => {
  await sender(queue("plain")).sendMessages({ body: "x", applicationProperties: { kept: 1 } });
  const from = receiver(queue("plain"));
  const [message] = await take(from, 1);
  await from.abandonMessage(message, { tried: "once" });
  const [again] = await take(from, 1);
  assert.equal(again.deliveryCount, 1);
  assert.deepEqual(again.applicationProperties, { kept: 1, tried: "once" });
  await from.completeMessage(again);
});

test("too many deliveries lead to the dead letters", async (queue) => {
  await sender(queue("plain")).sendMessages({ body: "poison" });
  const from = receiver(queue("plain"));
  for (let n = 0; n < 3; n++) await from.abandonMessage((await take(from, 1))[0]);
  const dead = receiver(queue("plain"), { subQueueType: "deadLetter" });
  const [message] = await take(dead, 1);
  assert.equal(message.deadLetterReason, "MaxDeliveryCountExceeded");
  assert.equal(message.deadLetterSource, queue("plain"));
  await dead.completeMessage(message);
  assert.equal((await counts(queue("plain"))).dead_letter, 0);
});

test("a dead-lettered message tells why", async (queue) => {
  await sender(queue("plain")).sendMessages({ body: "x" });
  const from = receiver(queue("plain"));
  const details = { deadLetterReason: "Bad", deadLetterErrorDescription: "very bad", more: "told" };
  await from.deadLetterMessage((await take(from, 1))[0], details);
  const dead = receiver(queue("plain"), { subQueueType: "deadLetter" });
  const [message] = await take(dead, 1);
  assert.deepEqual([message.deadLetterReason, message.deadLetterErrorDescription], ["Bad", "very bad"]);
  assert.equal(message.applicationProperties.more, "told");
});

test("a deferred message is found by its number", async (queue) => {
  await sender(queue("plain")).sendMessages({ body: "later" });
  const from = receiver(queue("plain"));
  const [message] = await take(from, 1);
  await from.deferMessage(message);
  const [deferred] = await from.receiveDeferredMessages(message.sequenceNumber);
  assert.deepEqual([deferred.body, deferred.state, deferred.deliveryCount], ["later", "deferred", 1]);
  await from.completeMessage(deferred);
  await failsWith(from.receiveDeferredMessages(message.sequenceNumber), "MessageNotFound");
});

test("peeking locks nothing", async (queue) => {
  await sender(queue("plain")).sendMessages([{ body: "a" }, { body: "b" }]);
  const from = receiver(queue("plain"));
  assert.deepEqual(bodies(await from.peekMessages(5)), ["a", "b"]);
  assert.deepEqual(await from.peekMessages(5), []);
  assert.deepEqual(bodies(await from.peekMessages(5, { fromSequenceNumber: Long.fromNumber(2) })), ["b"]);
  assert.equal((await counts(queue("plain"))).active, 2);
});

test("a lock that ends is lost, a renewed one is not", async (queue) => {
  await sender(queue("plain")).sendMessages({ body: "x" });
  const from = receiver(queue("plain"));
  const [message] = await take(from, 1);
  assert.ok((await from.renewMessageLock(message)) >= message.enqueuedTimeUtc);
  await post("/expire-locks", { queue: queue("plain") });
  await failsWith(from.completeMessage(message), "MessageLockLost");
  const [again] = await take(from, 1);
  assert.equal(again.deliveryCount, 1);
  await from.completeMessage(again);
});

test("scheduled messages come when they are due and can be cancelled", async (queue) => {
  const to = sender(queue("plain"));
  const due = inSeconds(0.7);
  await to.scheduleMessages({ body: "comes" }, due);
  const [cancelled] = await to.scheduleMessages({ body: "cancelled" }, inSeconds(300));
  await to.sendMessages({ body: "by property", scheduledEnqueueTimeUtc: due });
  await to.cancelScheduledMessages(cancelled);
  await failsWith(to.cancelScheduledMessages(cancelled), "MessageNotFound");
  const messages = await take(receiver(queue("plain")), 2);
  assert.ok(new Date() >= due);
  assert.deepEqual(bodies(messages).sort(), ["by property", "comes"]);
});

test("repeated ids are dropped", async (queue) => {
  const to = sender(queue("duplicates"));
  for (const body of ["1", "2"]) await to.sendMessages({ body, messageId: "same" });
  const now = await counts(queue("duplicates"));
  assert.deepEqual([now.accepted, now.duplicates_dropped, now.active], [2, 1, 1]);
});

test("expired messages go to the dead letters", async (queue) => {
  await sender(queue("expiring")).sendMessages({ body: "old", timeToLive: 200 });
  await until(queue("expiring"), (now) => now.dead_letter === 1);
  const [message] = await take(receiver(queue("expiring"), { subQueueType: "deadLetter" }), 1);
  assert.equal(message.deadLetterReason, "TTLExpiredException");
});

test("a message without an id gets one", async (queue) => {
  await sender(queue("plain")).sendMessages({ bodyType: "data", body: Buffer.from("x") });
  const from = receiver(queue("plain"));
  const [message] = await take(from, 1);
  assert.ok(message.messageId);
  await from.completeMessage(message);
});

test("sessions are taken in turn, in order, by one receiver each", async (queue) => {
  const to = sender(queue("sessions"));
  for (const body of ["a0", "b0", "a1"]) await to.sendMessages({ body, sessionId: body[0] });
  const first = await client.acceptNextSession(queue("sessions"));
  const second = await client.acceptNextSession(queue("sessions"));
  assert.deepEqual([first.sessionId, second.sessionId], ["a", "b"]);
  await failsWith(client.acceptSession(queue("sessions"), "a"), "SessionCannotBeLocked");
  const messages = await take(first, 2);
  assert.deepEqual(bodies(messages), ["a0", "a1"]);
  for (const message of messages) await first.completeMessage(message);
  const end = first.sessionLockedUntilUtc;
  assert.ok((await first.renewSessionLock()) >= end);
  await first.close();
  await second.close();
  await until(queue("sessions"), (now) => now.sessions_locked === 0);
  const again = await client.acceptSession(queue("sessions"), "b");
  const [message] = await take(again, 1);
  assert.equal(message.deliveryCount, 0);
  await again.close();
});

test("a session keeps a state", async (queue) => {
  const session = await client.acceptSession(queue("sessions"), "stateful");
  assert.ok(!(await session.getSessionState()));
  await session.setSessionState({ step: 3 });
  assert.deepEqual(await session.getSessionState(), { step: 3 });
  await session.close();
});

test("waiting for a session ends with a time-out", async (queue) => {
  const hasty = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 0, timeoutInMs: 1500 } });
  await assert.rejects(hasty.acceptNextSession(queue("sessions")));
  await sender(queue("sessions")).sendMessages({ body: "x", sessionId: "free" });
  const session = await client.acceptNextSession(queue("sessions"));
  assert.equal(session.sessionId, "free"); // whoever gave up holds nothing
  await session.close();
  await hasty.close();
});

test("a session whose lock ends is lost", async (queue) => {
  await sender(queue("sessions")).sendMessages({ body: "x", sessionId: "s" });
  const session = await client.acceptSession(queue("sessions"), "s");
  const [message] = await take(session, 1);
  await post("/expire-locks", { queue: queue("sessions") });
  await failsWith(session.completeMessage(message), "SessionLockLost");
  await session.close();
  const again = await client.acceptNextSession(queue("sessions"));
  assert.equal((await take(again, 1))[0].deliveryCount, 1);
  await again.close();
});

test("a message of a session can be deferred and dead-lettered", async (queue) => {
  await sender(queue("sessions")).sendMessages([{ body: "d", sessionId: "s" }, { body: "x", sessionId: "s" }]);
  const session = await client.acceptSession(queue("sessions"), "s");
  const [deferred, dead] = await take(session, 2);
  await session.deferMessage(deferred);
  await session.deadLetterMessage(dead, { deadLetterReason: "Bad" });
  const [late] = await session.receiveDeferredMessages([deferred.sequenceNumber]);
  await session.completeMessage(late);
  await session.close();
  const [letter] = await take(receiver(queue("sessions"), { subQueueType: "deadLetter" }), 1);
  assert.deepEqual([letter.sessionId, letter.deadLetterReason], ["s", "Bad"]);
});

test("a subscription gets all messages, also after its connection was lost", async (queue) => {
  const seen = [];
  const from = patient.createReceiver(queue("plain"));
  const errors = [];
  const subscription = from.subscribe(
    { processMessage: async (message) => void seen.push(message.body), processError: async (e) => void errors.push(e) },
    { maxConcurrentCalls: 5 },
  );
  const to = patient.createSender(queue("plain"));
  await to.sendMessages([...Array(30).keys()].map((body) => ({ body })));
  await until(queue("plain"), (now) => now.completed === 30);
  await post("/disconnect", { clients: "all", queue: queue("plain") });
  await to.sendMessages({ body: 30 });
  await until(queue("plain"), (now) => now.completed === 31);
  await subscription.close();
  assert.deepEqual(seen.sort((a, b) => a - b), [...Array(31).keys()]);
});

function queueOf(index) {
  return (name) => `js${index}-${name}`;
}

await Promise.all(
  cases.map(async ({ name, body }, index) => {
    let error = null;
    try {
      await body(queueOf(index));
    } catch (thrown) {
      error = thrown.stack ?? String(thrown);
    }
    console.log(JSON.stringify({ name, error }));
  }),
);
await Promise.all([client.close(), patient.close()]);
