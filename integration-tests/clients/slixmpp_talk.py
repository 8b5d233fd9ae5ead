"""Two slixmpp clients, or a client and a component, unmodified, go through one scenario against a running server.

    slixmpp_talk.py --host 127.0.0.1 --port 5222 --direct-port 5223 --ca root.pem SCENARIO

The accounts alice and bob exist on localhost; a password is `pencil of NAME`. The secret of echo.localhost is
`open sesame`. Ends with status 0 when the scenario
went as it should, and says what went wrong otherwise.
"""

import argparse
import asyncio
import sys
from pathlib import Path

import slixmpp

DEADLINE = 30
DOMAIN = "localhost"


class Client(slixmpp.ClientXMPP):
    """A client that keeps the stanzas it gets until a scenario asks for them."""

    def __init__(self, options, user, mechanism=None):
        config = {"feature_mechanisms": {"use_mechs": {mechanism}}} if mechanism else {}
        super().__init__(f"{user}@{DOMAIN}", f"pencil of {user}", plugin_config=config)
        self.ca_certs = Path(options.ca)
        self.got = asyncio.Queue()
        for plugin in ("xep_0030", "xep_0191", "xep_0199", "xep_0203"):
            self.register_plugin(plugin)
        self.auto_authorize = None
        self.auto_subscribe = False
        for kind in ("message", "message_error", "presence_subscribe", "presence_subscribed", "presence_available", "presence_unavailable"):
            self.add_event_handler(kind, self.got.put_nowait)

    async def login(self, options, direct=False):
        """Connects, authenticates, binds; afterwards the session has started."""
        self.enable_direct_tls, self.enable_starttls, self.enable_plaintext = direct, not direct, False
        started = asyncio.ensure_future(self.wait_until("session_start", timeout=DEADLINE))
        failed = asyncio.ensure_future(self.wait_until("failed_all_auth", timeout=DEADLINE))
        self.connect(options.host, options.direct_port if direct else options.port)
        await asyncio.wait({started, failed}, return_when=asyncio.FIRST_COMPLETED)
        assert started.done() and not started.exception(), "no session"
        failed.cancel()
        return self

    async def online(self, options):
        """Logs in, asks for the roster and says that it is there."""
        await self.login(options)
        await self.get_roster()
        self.send_presence()
        return self

    async def expect(self, what, matches):
        """Waits for a stanza for which `matches` holds; others before it are passed over."""
        async with asyncio.timeout(DEADLINE):
            while True:
                stanza = await self.got.get()
                if matches(stanza):
                    return stanza

    async def leave(self):
        """Closes the stream and waits until it is closed."""
        gone = asyncio.ensure_future(self.wait_until("disconnected", timeout=DEADLINE))
        self.disconnect()
        await gone


def body(text):
    return lambda stanza: stanza.name == "message" and stanza["body"] == text


def presence(kind, user):
    return lambda s: s.name == "presence" and s["type"] == kind and s["from"].bare == f"{user}@{DOMAIN}"


async def login(options):
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", None):
        for direct in (False, True):
            client = await Client(options, "alice", mechanism).login(options, direct)
            assert client.boundjid.bare == f"alice@{DOMAIN}"
            assert await client.plugin["xep_0199"].ping(DOMAIN, timeout=DEADLINE) >= 0
            await client.leave()


async def roster(options):
    alice = await Client(options, "alice").online(options)
    await alice.update_roster(f"bob@{DOMAIN}", name="Bob & co", groups=["Friends", "Work"])
    await alice.leave()
    again = await Client(options, "alice").online(options)
    item = again.client_roster[f"bob@{DOMAIN}"]
    assert item["name"] == "Bob & co", item["name"]
    assert sorted(item["groups"]) == ["Friends", "Work"], item["groups"]
    await again.del_roster_item(f"bob@{DOMAIN}")
    await again.leave()
    last = await Client(options, "alice").online(options)
    assert f"bob@{DOMAIN}" not in last.client_roster.keys()


async def befriend(alice, bob):
    for one, two in ((alice, bob), (bob, alice)):
        one.send_presence_subscription(two.boundjid.bare)
        await two.expect("request", presence("subscribe", one.boundjid.user))
        two.send_presence(pto=one.boundjid.bare, ptype="subscribed")
        await one.expect("approval", presence("subscribed", two.boundjid.user))
        await one.expect("presence", presence("available", two.boundjid.user))


async def subscription(options):
    alice = await Client(options, "alice").online(options)
    bob = await Client(options, "bob").online(options)
    await befriend(alice, bob)
    await alice.get_roster()
    assert alice.client_roster[f"bob@{DOMAIN}"]["subscription"] == "both"
    await bob.leave()
    await alice.expect("end of presence", presence("unavailable", "bob"))


async def chat(options):
    alice = await Client(options, "alice").online(options)
    bob = await Client(options, "bob").online(options)
    texts = ["hello", "grün & <b>", "\U0001F600", "long " * 2000 + "end"]
    for text in texts:
        alice.send_message(mto=bob.boundjid.bare, mbody=text, mtype="chat")
        got = await bob.expect("message", body(text))
        assert got["from"] == alice.boundjid and got["type"] == "chat"
        got.reply("re").send()
        await alice.expect("answer", body("re"))


async def offline(options):
    alice = await Client(options, "alice").online(options)
    for number in range(5):
        alice.send_message(mto=f"bob@{DOMAIN}", mbody=f"while you were out {number}", mtype="chat")
    await alice.plugin["xep_0199"].ping(DOMAIN, timeout=DEADLINE)
    bob = await Client(options, "bob").online(options)
    for number in range(5):
        got = await bob.expect("message", body(f"while you were out {number}"))
        assert got["delay"]["stamp"], "no delay stamp"


async def blocking(options):
    alice = await Client(options, "alice").online(options)
    bob = await Client(options, "bob").online(options)
    await alice.plugin["xep_0191"].block(f"bob@{DOMAIN}")
    assert {str(jid) for jid in await alice.plugin["xep_0191"].get_blocked_jids()} == {f"bob@{DOMAIN}"}
    bob.send_message(mto=alice.boundjid.bare, mbody="spam", mtype="chat")
    refused = await bob.expect("refusal", lambda s: s.name == "message" and s["type"] == "error")
    assert refused["error"]["condition"] == "service-unavailable", refused
    await alice.plugin["xep_0191"].unblock(f"bob@{DOMAIN}")
    bob.send_message(mto=alice.boundjid.bare, mbody="welcome back", mtype="chat")
    first = await alice.expect("message", lambda s: s.name == "message")
    assert first["body"] == "welcome back", first


class Echo(slixmpp.ComponentXMPP):
    """A component that says again what it is told."""

    def __init__(self, options):
        super().__init__(f"echo.{DOMAIN}", "open sesame", options.host, options.component_port)
        for plugin in ("xep_0030", "xep_0199"):
            self.register_plugin(plugin)
        self.add_event_handler("message", self.answer)
        self.add_event_handler("presence_subscribe", self.approve)

    def answer(self, message):
        if message["type"] == "chat":
            message.reply(f"echo: {message['body']}").send()

    def approve(self, request):
        self.send_presence(pto=request["from"].bare, pfrom=request["to"], ptype="subscribed")

    async def online(self):
        started = asyncio.ensure_future(self.wait_until("session_start", timeout=DEADLINE))
        self.connect()
        await started
        return self


async def component(options):
    alice = await Client(options, "alice").online(options)
    echo = await Echo(options).online()
    domain = echo.boundjid.bare
    for address in (domain, f"anybody@{domain}", f"anybody@{domain}/here"):
        for text in ("hello", "grün & <b>", "long " * 2000 + "end"):
            alice.send_message(mto=address, mbody=text, mtype="chat")
            got = await alice.expect("echo", body(f"echo: {text}"))
            assert got["from"] == address, got["from"]
    assert await alice.plugin["xep_0199"].ping(domain, timeout=DEADLINE) >= 0
    assert await echo.plugin["xep_0199"].ping(DOMAIN, ifrom=domain, timeout=DEADLINE) >= 0
    assert await echo.plugin["xep_0199"].ping(alice.boundjid, ifrom=domain, timeout=DEADLINE) >= 0
    info = await alice.plugin["xep_0030"].get_info(domain, timeout=DEADLINE)
    assert "http://jabber.org/protocol/disco#info" in info["disco_info"]["features"], info
    items = await alice.plugin["xep_0030"].get_items(DOMAIN, timeout=DEADLINE)
    assert domain in {str(item[0]) for item in items["disco_items"]["items"]}, items
    alice.send_presence_subscription(f"bot@{domain}")
    approved = lambda s: s.name == "presence" and s["type"] == "subscribed" and s["from"].bare == f"bot@{domain}"
    await alice.expect("approval", approved)


SCENARIOS = {f.__name__: f for f in (login, roster, subscription, chat, offline, blocking, component)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--direct-port", type=int, required=True)
    parser.add_argument("--component-port", type=int, default=5347)
    parser.add_argument("--ca", required=True)
    parser.add_argument("scenario", choices=SCENARIOS)
    options = parser.parse_args()
    asyncio.run(SCENARIOS[options.scenario](options))
    print(f"{options.scenario}: ok")


if __name__ == "__main__":
    sys.exit(main())
