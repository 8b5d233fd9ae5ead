// xmpp.js, unmodified, talks with a peer over the transport that the service's address names.
//
//     xmpp_js.mjs MODULES SERVICE ADDRESS USER PEER
//
// MODULES is where npm put xmpp.js, SERVICE is such as xmpp://localhost:5222, ADDRESS is where localhost is, as
// /etc/hosts would say. USER and PEER are accounts on localhost; a password is `pencil of NAME`. Each time it is online
// it says `here` to the peer; then it says again what it is told. Told to leave, it ends with status 0 when the server
// has closed the stream too.

import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import dns from "node:dns";

const DEADLINE = 30_000;
const DOMAIN = "localhost";
const [modules, service, address, user, peer] = process.argv.slice(2);
const friend = `${peer}@${DOMAIN}`;

// xmpp.js takes these from its surroundings, which differ from one version of Node.js to the other.
globalThis.crypto ??= webcrypto;
globalThis.WebSocket = (await import(`${modules}/ws/wrapper.mjs`)).WebSocket;
const { client, xml } = await import(`${modules}/@xmpp/client/index.js`);

dns.lookup = (name, options, done = options) => {
  assert.equal(name, DOMAIN);
  options.all ? done(null, [{ address, family: 4 }]) : done(null, address, 4);
};

const xmpp = client({ service, domain: DOMAIN, username: user, password: `pencil of ${user}`, timeout: DEADLINE });

const say = (text) => xmpp.send(xml("message", { to: friend, type: "chat" }, xml("body", {}, text)));

async function greet(jid) {
  assert.equal(jid.bare().toString(), `${user}@${DOMAIN}`);
  assert(xmpp.isSecure(), "a stream without TLS");
  const pong = await xmpp.iqCaller.request(xml("iq", { type: "get", to: DOMAIN }, xml("ping", "urn:xmpp:ping")), DEADLINE);
  assert.equal(pong.attrs.type, "result");
  await xmpp.send(xml("presence"));
  await xmpp.send(xml("presence", { to: friend }));
  await say("here");
}

async function hear(stanza) {
  const text = stanza.is("message") && stanza.attrs.type === "chat" && stanza.getChildText("body");
  if (!text) return;
  if (text !== "leave") return say(`echo: ${text}`);
  xmpp.reconnect.stop();
  assert(await xmpp.stop(), "the server did not close its stream");
}

xmpp.on("online", greet);
xmpp.on("stanza", hear);
xmpp.on("status", (status) => console.log(status));
// The end of a server that restarts is an error as well; what matters is that it connects again.
xmpp.on("error", (error) => console.error(error));

await xmpp.start();
