//! `socket` of a listener: options of its sockets.

use std::time::Duration;

use crate::checker::{Checker, Section, expected, integer, text};
use crate::schema::{Accepts, Key, Preset, Reload, SectionSpec};
use crate::tree::{Node, Value};
use crate::value::parse_duration;

/// `SO_KEEPALIVE` of accepted sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keepalive {
    /// No probes.
    Off,
    /// Probes after the kernel's default idle time.
    On,
    /// Probes after this idle time, in whole seconds.
    After(Duration),
}

/// Options of the listening socket and of the sockets it accepts; `None` leaves the kernel's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketConfig {
    /// Argument of `listen(2)`.
    pub backlog: u32,
    /// `TCP_NODELAY`.
    pub no_delay: bool,
    /// `SO_KEEPALIVE`.
    pub keepalive: Keepalive,
    /// `SO_REUSEADDR`.
    pub reuse_address: bool,
    /// `SO_REUSEPORT`.
    pub reuse_port: bool,
    /// `IP_TTL` and `IPV6_UNICAST_HOPS`, 1 to 255.
    pub ttl: Option<u32>,
    /// `SO_SNDBUF` in bytes (the kernel doubles it).
    pub send_buffer: Option<usize>,
    /// `SO_RCVBUF` in bytes (the kernel doubles it).
    pub receive_buffer: Option<usize>,
    /// `IP_TOS`, 0 to 255.
    pub tos_v4: Option<u32>,
    /// `IPV6_TCLASS`, 0 to 255.
    pub tclass_v6: Option<u32>,
    /// Permissions of a Unix socket.
    pub unix_mode: u32,
    /// Owner of a Unix socket: a user's name or number.
    pub unix_owner: Option<String>,
    /// Group of a Unix socket: its name or number.
    pub unix_group: Option<String>,
}

static BACKLOG: Key = Key {
    name: "backlog",
    accepts: Accepts::Integer(1, 65_535),
    preset: Preset::Value("1024"),
    reload: Reload::Live,
    doc: "Connections that the kernel keeps until they are accepted. The kernel's own bound \
          (`net.core.somaxconn`) is below 65535 as a rule.",
    example: "",
};

static NO_DELAY: Key = Key {
    name: "no_delay",
    accepts: Accepts::Boolean,
    preset: Preset::Value("true"),
    reload: Reload::NewConnections,
    doc: "Sends small packets at once (`TCP_NODELAY`).",
    example: "",
};

static KEEPALIVE: Key = Key {
    name: "keepalive",
    accepts: Accepts::Text("true, false, or whole idle seconds from 1s to 32767s"),
    preset: Preset::Value("true"),
    reload: Reload::NewConnections,
    doc: "Whether the kernel probes silent peers (`SO_KEEPALIVE`), or after how long.",
    example: "",
};

static REUSE_ADDRESS: Key = Key {
    name: "reuse_address",
    accepts: Accepts::Boolean,
    preset: Preset::Value("true"),
    reload: Reload::Rebind,
    doc: "Lets a port be opened while old connections of it wait to expire (`SO_REUSEADDR`).",
    example: "",
};

static REUSE_PORT: Key = Key {
    name: "reuse_port",
    accepts: Accepts::Boolean,
    preset: Preset::Value("true"),
    reload: Reload::Rebind,
    doc: "Lets several sockets share a port (`SO_REUSEPORT`). A port that another program holds is still \
          reported.",
    example: "",
};

static TTL: Key = Key {
    name: "ttl",
    accepts: Accepts::Integer(1, 255),
    preset: Preset::Unset("the kernel's"),
    reload: Reload::NewConnections,
    doc: "Hops that our packets may take, on IPv4 (`IP_TTL`) and IPv6 (`IPV6_UNICAST_HOPS`).",
    example: "64",
};

static SEND_BUFFER: Key = Key {
    name: "send_buffer",
    accepts: Accepts::Size(2048, 1 << 30),
    preset: Preset::Unset("sized by the kernel"),
    reload: Reload::NewConnections,
    doc: "Bytes of the kernel's send buffer (`SO_SNDBUF`, which Linux doubles).",
    example: "\"256KiB\"",
};

static RECEIVE_BUFFER: Key = Key {
    name: "receive_buffer",
    accepts: Accepts::Size(2048, 1 << 30),
    preset: Preset::Unset("sized by the kernel"),
    reload: Reload::Rebind,
    doc: "Bytes of the kernel's receive buffer (`SO_RCVBUF`, which Linux doubles).",
    example: "\"256KiB\"",
};

static TOS_V4: Key = Key {
    name: "tos_v4",
    accepts: Accepts::Integer(0, 255),
    preset: Preset::Unset("the kernel's"),
    reload: Reload::NewConnections,
    doc: "Type of service of IPv4 packets (`IP_TOS`).",
    example: "16",
};

static TCLASS_V6: Key = Key {
    name: "tclass_v6",
    accepts: Accepts::Integer(0, 255),
    preset: Preset::Unset("the kernel's"),
    reload: Reload::NewConnections,
    doc: "Traffic class of IPv6 packets (`IPV6_TCLASS`).",
    example: "16",
};

static V6_ONLY: Key = Key {
    name: "v6_only",
    accepts: Accepts::Boolean,
    preset: Preset::Unset("as described at `bind`"),
    reload: Reload::Rebind,
    doc: "Whether `[::]` leaves IPv4 alone (`IPV6_V6ONLY`).",
    example: "true",
};

static UNIX_MODE: Key = Key {
    name: "unix_mode",
    accepts: Accepts::Text("octal permissions as text, such as \"0660\""),
    preset: Preset::Value("\"0660\""),
    reload: Reload::Rebind,
    doc: "Permissions of the sockets of `unix:` binds.",
    example: "",
};

static UNIX_OWNER: Key = Key {
    name: "unix_owner",
    accepts: Accepts::Text("the name or number of a user"),
    preset: Preset::Unset("the user the node runs as"),
    reload: Reload::Rebind,
    doc: "Owner of the sockets of `unix:` binds; another than the node's own takes a privilege.",
    example: "\"portcullis\"",
};

static UNIX_GROUP: Key = Key {
    name: "unix_group",
    accepts: Accepts::Text("the name or number of a group"),
    preset: Preset::Unset("the group the node runs as"),
    reload: Reload::Rebind,
    doc: "Group of the sockets of `unix:` binds.",
    example: "\"www-data\"",
};

pub(crate) static SECTION: SectionSpec = SectionSpec {
    name: "socket",
    doc: "Options of the listening sockets and of those they accept.",
    named: None,
    keys: &[
        &BACKLOG,
        &NO_DELAY,
        &KEEPALIVE,
        &REUSE_ADDRESS,
        &REUSE_PORT,
        &TTL,
        &SEND_BUFFER,
        &RECEIVE_BUFFER,
        &TOS_V4,
        &TCLASS_V6,
        &V6_ONLY,
        &UNIX_MODE,
        &UNIX_OWNER,
        &UNIX_GROUP,
    ],
    tables: &[],
    later: &[],
};

/// The options, and whether `[::]` is forced to one family or both.
pub(crate) fn read(checker: &mut Checker, section: &Section<'_>) -> (SocketConfig, Option<bool>) {
    let keepalive = checker.read(section, &KEEPALIVE, keepalive);
    let config = SocketConfig {
        backlog: checker.integer(section, &BACKLOG),
        no_delay: checker.boolean(section, &NO_DELAY),
        keepalive: keepalive.unwrap_or(Keepalive::On),
        reuse_address: checker.boolean(section, &REUSE_ADDRESS),
        reuse_port: checker.boolean(section, &REUSE_PORT),
        ttl: checker.optional_integer(section, &TTL),
        send_buffer: checker.optional_size(section, &SEND_BUFFER),
        receive_buffer: checker.optional_size(section, &RECEIVE_BUFFER),
        tos_v4: checker.optional_integer(section, &TOS_V4),
        tclass_v6: checker.optional_integer(section, &TCLASS_V6),
        unix_mode: checker.read(section, &UNIX_MODE, mode).unwrap_or(0o660),
        unix_owner: checker.read(section, &UNIX_OWNER, |node| principal(&UNIX_OWNER, node)),
        unix_group: checker.read(section, &UNIX_GROUP, |node| principal(&UNIX_GROUP, node)),
    };
    (config, checker.optional_boolean(section, &V6_ONLY))
}

fn mode(node: &Node) -> Result<u32, String> {
    let digits = text(node).filter(|text| (3..=4).contains(&text.len()));
    digits
        .and_then(|digits| u32::from_str_radix(digits, 8).ok())
        .filter(|mode| *mode <= 0o777)
        .ok_or_else(|| expected(&UNIX_MODE, node))
}

/// A user or a group; whether there is one is known when the socket is opened.
fn principal(key: &Key, node: &Node) -> Result<String, String> {
    let good = |text: &&str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b':')
    };
    let name = text(node).filter(good).map(str::to_owned);
    name.or_else(|| integer(node).map(|number| number.to_string()))
        .ok_or_else(|| expected(key, node))
}

fn keepalive(node: &Node) -> Result<Keepalive, String> {
    const MOST: Duration = Duration::from_secs(32_767);
    let seconds = match &node.value {
        Value::Boolean(true) => return Ok(Keepalive::On),
        Value::Boolean(false) => return Ok(Keepalive::Off),
        Value::Integer(seconds) => u64::try_from(*seconds).ok().map(Duration::from_secs),
        Value::Text(text) if node.place.is_text_only() && text == "true" => {
            return Ok(Keepalive::On);
        }
        Value::Text(text) if node.place.is_text_only() && text == "false" => {
            return Ok(Keepalive::Off);
        }
        Value::Text(text) => parse_duration(text),
        _ => None,
    };
    let good = |idle: &Duration| idle.subsec_nanos() == 0 && !idle.is_zero() && *idle <= MOST;
    seconds
        .filter(good)
        .map(Keepalive::After)
        .ok_or_else(|| expected(&KEEPALIVE, node))
}
