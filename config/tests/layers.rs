//! Later layers beat earlier ones, key by key, and nothing needs a file.

#![expect(
    clippy::unwrap_used,
    reason = "a test that can not set itself up has failed"
)]

use std::path::PathBuf;
use std::time::Duration;

use portcullis_config::{
    Config, Keepalive, Loaded, LogFormat, Role, ScriptSource, Sources, StorageConfig, load,
};

/// A directory with a main file and parts, loaded with an environment and arguments.
#[derive(Default)]
struct Layers<'a> {
    file: Option<&'a str>,
    parts: &'a [(&'a str, &'a str)],
    environment: &'a [(&'a str, &'a str)],
    set: &'a [&'a str],
}

impl Layers<'_> {
    fn load(&self) -> (PathBuf, Loaded) {
        let directory = tempfile::tempdir().unwrap().keep();
        let file = directory.join("portcullis.toml");
        if let Some(text) = self.file {
            std::fs::write(&file, text).unwrap();
        }
        std::fs::create_dir(directory.join("conf.d")).unwrap();
        for (name, text) in self.parts {
            std::fs::write(directory.join("conf.d").join(name), text).unwrap();
        }
        let sources = Sources {
            file: self.file.map(|_| file),
            environment: self
                .environment
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            set: self
                .set
                .iter()
                .map(|argument| (*argument).to_owned())
                .collect(),
            ..Sources::default()
        };
        let loaded = load(&sources).unwrap_or_else(|rejected| panic!("{rejected}"));
        (directory, loaded)
    }

    fn config(&self) -> Config {
        let (directory, loaded) = self.load();
        std::fs::remove_dir_all(directory).unwrap();
        loaded.config
    }
}

fn max_connections(config: &Config, listener: &str) -> Option<u32> {
    let found = config
        .listeners
        .values()
        .find(|config| config.name.as_str() == listener);
    found.unwrap().max_connections
}

#[test]
fn nothing_at_all_is_a_working_configuration() {
    let (directory, loaded) = Layers::default().load();
    std::fs::remove_dir_all(directory).unwrap();
    let config = &loaded.config;
    assert!(loaded.warnings.is_empty() && loaded.files.is_empty());
    let hosts: Vec<_> = config.hosts.keys().map(ToString::to_string).collect();
    assert_eq!(hosts, ["localhost"]);
    let listener = config.listeners.values().next().unwrap();
    assert_eq!(listener.name.as_str(), "clients");
    let binds: Vec<_> = listener
        .binds
        .iter()
        .map(|bind| {
            let is_v6_only = matches!(bind, portcullis_config::Bind::Tcp { v6_only: true, .. });
            (bind.to_string(), is_v6_only)
        })
        .collect();
    assert_eq!(
        binds,
        [
            ("0.0.0.0:5222".to_owned(), false),
            ("[::]:5222".to_owned(), true)
        ]
    );
    assert!(listener.tls.required && listener.tls.enabled && !listener.tls.implicit);
    assert_eq!(listener.tls.certificate, None);
    assert_eq!(listener.limits.unauthenticated, 4096);
    assert_eq!(listener.limits.stanza, 256 * 1024);
    assert_eq!(listener.timeouts.read, Duration::from_secs(840));
    assert_eq!(listener.socket.keepalive, Keepalive::On);
    assert_eq!(config.network.max_connections, 8192);
    assert_eq!(config.node.data_directory, PathBuf::from("data"));
    assert_eq!(
        config.node.admin_socket,
        PathBuf::from("data/portcullis.sock")
    );
    assert_eq!(
        config.storage,
        StorageConfig::Sqlite("data/portcullis.sqlite".into())
    );
    assert_eq!(config.logging.format, LogFormat::Text);
    let host = config.hosts.values().next().unwrap();
    assert!(!host.registration.enabled);
    assert_eq!(host.offline_messages, 100);
}

#[test]
fn each_layer_beats_the_one_before() {
    let file = "[listener.clients]\nprotocol = \"c2s\"\nmax_connections = 1\n";
    let mut layers = Layers {
        file: Some(file),
        ..Layers::default()
    };
    assert_eq!(max_connections(&layers.config(), "clients"), Some(1));
    let part = |number| format!("[listener.clients]\nmax_connections = {number}\n");
    let (two, three) = (part(2), part(3));
    let parts = [
        ("20-b.toml", three.as_str()),
        ("10-a.toml", two.as_str()),
        ("30-c.ini", "not toml"),
    ];
    layers.parts = &parts;
    assert_eq!(max_connections(&layers.config(), "clients"), Some(3));
    layers.environment = &[("PORTCULLIS__LISTENER__CLIENTS__MAX_CONNECTIONS", "4")];
    assert_eq!(max_connections(&layers.config(), "clients"), Some(4));
    layers.set = &[
        "listener.clients.max_connections=5",
        "listener.clients.max_connections=6",
    ];
    assert_eq!(max_connections(&layers.config(), "clients"), Some(6));
}

#[test]
fn the_built_in_listener_takes_settings_without_any_file() {
    let layers = Layers {
        environment: &[("PORTCULLIS__LISTENER__CLIENTS__MAX_CONNECTIONS", "2")],
        set: &["listener.clients.bind=[\"127.0.0.1:6222\"]"],
        ..Layers::default()
    };
    let config = layers.config();
    assert_eq!(max_connections(&config, "clients"), Some(2));
    let binds = &config.listeners.values().next().unwrap().binds;
    assert_eq!(
        binds.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["127.0.0.1:6222"]
    );
}

#[test]
fn a_file_with_a_host_or_listener_has_no_built_in_ones() {
    let file = "[listener.other]\nprotocol = \"c2s\"\nports = [6000]\n[host.\"Example.COM\"]\n";
    let config = Layers {
        file: Some(file),
        ..Layers::default()
    }
    .config();
    assert_eq!(
        config
            .listeners
            .keys()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["other"]
    );
    assert_eq!(
        config
            .hosts
            .keys()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["example.com"]
    );
}

#[test]
fn text_sources_write_every_type() {
    let config = Layers {
        environment: &[
            ("PORTCULLIS__NODE__ARBITERS", "3"),
            ("PORTCULLIS__NETWORK__INTERFACES", "127.0.0.1, ::1"),
            ("PORTCULLIS__LISTENER__CLIENTS__PORTS", "6222,6223"),
            ("PORTCULLIS__LISTENER__CLIENTS__TLS__REQUIRED", "false"),
            ("PORTCULLIS__LISTENER__CLIENTS__TIMEOUTS__READ", "3"),
            ("PORTCULLIS__LISTENER__CLIENTS__LIMITS__SEND_BUFFER", "1MiB"),
            ("PORTCULLIS__LISTENER__CLIENTS__SOCKET__KEEPALIVE", "120"),
            (
                "PORTCULLIS__LISTENER__CLIENTS__TLS__DISABLE_PROTOCOLS",
                "tls12",
            ),
            ("PORTCULLIS__NODE__DATA_DIRECTORY", "007"),
            ("PATH", "/bin"),
        ],
        set: &[
            "host.\"chat.example\".registration.enabled = true",
            "host.\"chat.example\".registration.rate=5/m",
            "host.\"chat.example\".admins=a@chat.example,b@chat.example",
            "logging.format=json",
        ],
        ..Layers::default()
    }
    .config();
    let listener = config.listeners.values().next().unwrap();
    let binds: Vec<_> = listener.binds.iter().map(ToString::to_string).collect();
    assert_eq!(
        binds,
        [
            "127.0.0.1:6222",
            "127.0.0.1:6223",
            "[::1]:6222",
            "[::1]:6223"
        ]
    );
    assert!(!listener.tls.required && !listener.tls.tls12 && listener.tls.tls13);
    assert_eq!(listener.timeouts.read, Duration::from_secs(3));
    assert_eq!(listener.limits.send_buffer, 1 << 20);
    assert_eq!(
        listener.socket.keepalive,
        Keepalive::After(Duration::from_secs(120))
    );
    assert_eq!(config.node.arbiters, 3);
    assert_eq!(config.node.data_directory, PathBuf::from("007"));
    assert_eq!(config.logging.format, LogFormat::Json);
    let host = config.hosts.values().next().unwrap();
    assert!(host.registration.enabled && host.registration.rate.events == 5);
    assert_eq!(host.admins.len(), 2);
}

#[test]
fn hosts_inherit_key_by_key() {
    let file = r#"
        [limits]
        offline_messages = 7
        [host_defaults]
        admins = ["root@example.com"]
        [host_defaults.registration]
        enabled = true
        rate = "9/h"
        [host_defaults.permissions]
        member = ["a:b"]
        [host_defaults.contact]
        abuse = ["mailto:abuse@example.com"]
        [host."one.example"]
        [host."two.example"]
        admins = []
        offline_messages = 0
        registration = { enabled = false }
        contact = { abuse = [], admin = ["xmpp:root@example.com"] }
    "#;
    let config = Layers {
        file: Some(file),
        ..Layers::default()
    }
    .config();
    let mut hosts = config.hosts.values();
    let (one, two) = (hosts.next().unwrap(), hosts.next().unwrap());
    assert_eq!((one.admins.len(), two.admins.len()), (1, 0));
    assert_eq!((one.offline_messages, two.offline_messages), (7, 0));
    assert_eq!(
        (one.registration.enabled, two.registration.enabled),
        (true, false)
    );
    assert_eq!(
        (one.registration.rate.events, two.registration.rate.events),
        (9, 9)
    );
    assert_eq!((one.contact.abuse.len(), two.contact.abuse.len()), (1, 0));
    assert_eq!(two.contact.admin, ["xmpp:root@example.com"]);
    assert!(one.permissions[&Role::Member].contains("a:b"));
}

#[test]
fn relative_paths_start_at_the_main_file() {
    let file = "[firewall]\nscripts = [\"a.pfw\"]\n[tls.default]\ncertificate = \"a.pfw\"\nkey = \"a.pfw\"\n";
    let part = "[node]\ndata_directory = \"state\"\n[host.\"example.com\".firewall]\nscripts = [\"conf.d/b.toml\", \"shipped:x.pfw\"]\n";
    // The script must exist before the file that names it is read.
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::create_dir(path("conf.d")).unwrap();
    std::fs::write(path("portcullis.toml"), file).unwrap();
    std::fs::write(path("conf.d/b.toml"), part).unwrap();
    std::fs::write(path("a.pfw"), "").unwrap();
    let sources = Sources {
        file: Some(path("portcullis.toml")),
        ..Sources::default()
    };
    let loaded = load(&sources).unwrap_or_else(|rejected| panic!("{rejected}"));
    assert_eq!(
        loaded.files,
        [path("portcullis.toml"), path("conf.d/b.toml")]
    );
    assert_eq!(loaded.config.node.data_directory, path("state"));
    let host = loaded.config.hosts.values().next().unwrap();
    let expected = [
        ScriptSource::File(path("a.pfw")),
        ScriptSource::File(path("conf.d/b.toml")),
        ScriptSource::Shipped("x.pfw".to_owned()),
    ];
    assert_eq!(host.scripts, expected);
    let default = loaded.config.tls.default.unwrap();
    assert_eq!(default.certificate, path("a.pfw"));
    assert_eq!(loaded.config.tls.directory, path("certs"));
}

#[test]
fn a_file_that_was_asked_for_must_exist() {
    let sources = Sources {
        file: Some("/nonexistent/portcullis.toml".into()),
        ..Sources::default()
    };
    let text = load(&sources).unwrap_err().to_string();
    assert_eq!(
        text,
        "portcullis: config error: /nonexistent/portcullis.toml: can not be read: No such file or directory (os error 2)"
    );
}
