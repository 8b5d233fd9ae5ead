//! Roles and permissions as Prosody has them: who has which role on a host, and what a role may do.
//!
//! guest < registered < member < admin < operator; each has what those before it have. A permission is a text such as
//! `xmpp:federate`; rules ask for it with `MAY`. The configuration adds permissions to roles and takes them away.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jid::BareJid;
use portcullis_config::HostConfig;
use storage::Role;

/// What each role may do without any configuration: the defaults of Prosody's modules, and `xmpp:federate`, which there
/// comes with the module that restricts it.
const DEFAULTS: &[(Role, &[&str])] = &[
    (Role::Guest, &["muc:list-rooms"]),
    (
        Role::Registered,
        &[
            "http_file_share:upload",
            "muc:create-persistent-room",
            "muc:create-public-room",
            "muc:create-room",
            "xmpp:federate",
        ],
    ),
    (
        Role::Admin,
        &[
            "announce:send-announcement",
            "disco:be-discovered-admin",
            "invites_adhoc:invite-users",
            "muc:automatic-ownership",
            "muc:recreate-destroyed-room",
            "pubsub:create-node",
            "pubsub:service-admin",
        ],
    ),
];

/// The name of a role in the rule language: Prosody's, as `prosody:admin`.
pub fn rule_name(role: Role) -> &'static str {
    match role {
        Role::Guest => "prosody:guest",
        Role::Registered => "prosody:registered",
        Role::Member => "prosody:member",
        Role::Admin => "prosody:admin",
        Role::Operator => "prosody:operator",
    }
}

/// What the roles of a host may do.
#[derive(Debug, Clone)]
pub struct Permissions {
    /// For each permission what the roles that speak of it say.
    policies: HashMap<String, BTreeMap<Role, bool>>,
}

impl Default for Permissions {
    /// The defaults alone.
    fn default() -> Self {
        let mut permissions = Self {
            policies: HashMap::new(),
        };
        for (role, names) in DEFAULTS {
            for name in *names {
                permissions.set(*role, name, true);
            }
        }
        permissions
    }
}

impl Permissions {
    /// The defaults changed by the configuration: `name` gives a permission to a role and to those that inherit from it, `!name`
    /// takes it from them, unless one of them is given it itself.
    pub fn new<'a>(changes: impl IntoIterator<Item = (Role, &'a str)>) -> Self {
        let mut permissions = Self::default();
        for (role, change) in changes {
            match change.strip_prefix('!') {
                Some(name) => permissions.set(role, name, false),
                None => permissions.set(role, change, true),
            }
        }
        permissions
    }

    /// Whether `role` may do this: the nearest of the role and those it inherits from that speaks of it decides, and
    /// without one it may not.
    pub fn allows(&self, role: Role, permission: &str) -> bool {
        let nearest = |policies: &BTreeMap<Role, bool>| {
            policies
                .range(..=role)
                .next_back()
                .map(|(_, allows)| *allows)
        };
        self.policies
            .get(permission)
            .and_then(nearest)
            .unwrap_or(false)
    }

    fn set(&mut self, role: Role, permission: &str, allows: bool) {
        self.policies
            .entry(permission.to_owned())
            .or_default()
            .insert(role, allows);
    }
}

/// The roles of one host.
#[derive(Debug, Clone, Default)]
pub struct HostRoles {
    operators: BTreeSet<BareJid>,
    admins: BTreeSet<BareJid>,
    permissions: Permissions,
}

impl HostRoles {
    /// The roles of a host with these operators of the node and admins of the host, both from the configuration.
    pub fn new(
        operators: BTreeSet<BareJid>,
        admins: BTreeSet<BareJid>,
        permissions: Permissions,
    ) -> Self {
        Self {
            operators,
            admins,
            permissions,
        }
    }

    /// The roles of a host as its configuration says. Operators there are only by what the store keeps.
    pub fn of_host(host: &HostConfig) -> Self {
        let changes = host.permissions.iter().flat_map(|(role, names)| {
            let role = *role;
            names.iter().map(move |name| (role, name.as_str()))
        });
        Self::new(
            BTreeSet::new(),
            host.admins.clone(),
            Permissions::new(changes),
        )
    }

    /// The role of an account of the host, of which `stored` is kept: the configuration's word, else that, else registered.
    pub fn of_account(&self, account: &BareJid, stored: Option<Role>) -> Role {
        self.of_stranger(account)
            .or(stored)
            .unwrap_or(Role::Registered)
    }

    /// The role on this host of somebody whose account is not here: the configuration's word or none.
    pub fn of_stranger(&self, jid: &BareJid) -> Option<Role> {
        if self.operators.contains(jid) {
            return Some(Role::Operator);
        }
        self.admins.contains(jid).then_some(Role::Admin)
    }

    /// Whether `role` may do this on the host.
    pub fn allows(&self, role: Role, permission: &str) -> bool {
        self.permissions.allows(role, permission)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(permissions: &Permissions, name: &str) -> Vec<Role> {
        Role::ALL
            .into_iter()
            .filter(|role| permissions.allows(*role, name))
            .collect()
    }

    #[test]
    fn a_role_has_what_those_before_it_have() {
        let permissions = Permissions::default();
        assert_eq!(allowed(&permissions, "muc:list-rooms"), Role::ALL);
        assert_eq!(allowed(&permissions, "xmpp:federate"), Role::ALL[1..]);
        assert_eq!(
            allowed(&permissions, "announce:send-announcement"),
            [Role::Admin, Role::Operator]
        );
        assert_eq!(allowed(&permissions, "no:such-thing"), []);
    }

    #[test]
    fn the_configuration_gives_and_takes() {
        let permissions = Permissions::new([
            (Role::Member, "test:a"),
            (Role::Registered, "!xmpp:federate"),
            (Role::Member, "xmpp:federate"),
            (Role::Operator, "!muc:list-rooms"),
        ]);
        assert_eq!(allowed(&permissions, "test:a"), Role::ALL[2..]);
        assert_eq!(allowed(&permissions, "xmpp:federate"), Role::ALL[2..]);
        assert_eq!(allowed(&permissions, "muc:list-rooms"), Role::ALL[..4]);
    }

    #[test]
    fn the_configuration_names_admins_before_the_store() {
        let jid = |text| BareJid::new(text).unwrap();
        let (op, admin) = (jid("op@other.example"), jid("admin@h.example"));
        let roles = HostRoles::new(
            [op.clone()].into(),
            [op.clone(), admin.clone()].into(),
            Permissions::default(),
        );
        assert_eq!(roles.of_account(&admin, Some(Role::Guest)), Role::Admin);
        assert_eq!(
            roles.of_account(&jid("a@h.example"), Some(Role::Member)),
            Role::Member
        );
        assert_eq!(
            roles.of_account(&jid("a@h.example"), None),
            Role::Registered
        );
        assert_eq!(roles.of_stranger(&op), Some(Role::Operator));
        assert_eq!(roles.of_stranger(&jid("a@far.example")), None);
        assert!(roles.allows(Role::Admin, "disco:be-discovered-admin"));
    }

    #[test]
    fn both_names_are_known() {
        for role in Role::ALL {
            assert_eq!(rule_name(role), format!("prosody:{role}"));
        }
        assert_eq!(Role::Operator, Role::Operator);
    }
}
