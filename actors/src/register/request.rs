//! What a registered user's iq asks for (XEP-0077 §3).

use xmpp::jid::NodePart;
use xmpp::sasl::PreparedPassword;
use xmpp::stanza_error::{Condition, StanzaError};
use xmpp::{ElementRef, Stanza, ns};

use crate::handle::SessionHandle;

/// What a user wants of the own account.
#[derive(Debug)]
pub(super) enum Wish {
    /// To see what is known.
    Fields,
    /// Another password.
    Password(PreparedPassword),
    /// To have no account any more.
    Removal,
}

/// Reads the iq of `session`.
///
/// # Errors
/// What the client is told instead.
pub(super) fn read(stanza: &Stanza, session: &SessionHandle) -> Result<Wish, StanzaError> {
    let query = stanza.child("query", ns::REGISTER);
    let query = query.ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
    match stanza.type_attr() {
        Some("get") => Ok(Wish::Fields),
        Some("set") if query.child("remove", ns::REGISTER).is_some() => read_removal(query),
        Some("set") => read_password(query, session),
        _ => Err(StanzaError::new(Condition::BadRequest)),
    }
}

/// XEP-0077 §3.2: `<remove/>` stands alone.
fn read_removal(query: ElementRef<'_>) -> Result<Wish, StanzaError> {
    match query.children().count() {
        1 => Ok(Wish::Removal),
        _ => Err(refuse(
            Condition::BadRequest,
            "nothing may stand beside remove",
        )),
    }
}

/// XEP-0077 §3.3.
fn read_password(query: ElementRef<'_>, session: &SessionHandle) -> Result<Wish, StanzaError> {
    let field = |name| {
        let text = query
            .child(name, ns::REGISTER)
            .map(|field| field.text().into_owned());
        text.filter(|text| !text.is_empty())
    };
    let (Some(username), Some(password)) = (field("username"), field("password")) else {
        return Err(refuse(
            Condition::BadRequest,
            "a username and a password are needed",
        ));
    };
    let named = NodePart::new(&username).ok();
    let own = session.jid.node();
    if named.as_deref() != own || own.is_none() {
        return Err(refuse(
            Condition::NotAllowed,
            "only the own password can be changed",
        ));
    }
    if !session.secure {
        return Err(refuse(
            Condition::NotAuthorized,
            "a password is sent over TLS only",
        ));
    }
    PreparedPassword::new(&password)
        .map(Wish::Password)
        .map_err(|error| refuse(Condition::NotAcceptable, &format!("the password {error}")))
}

fn refuse(condition: Condition, text: &str) -> StanzaError {
    StanzaError::new(condition).with_text(text)
}
