//! Roster items on the wire (RFC 6121 §2.1.2).

use jid::BareJid;

use super::{EditError, ItemEdit, RosterItem};
use crate::ns;
use crate::stanza::{ElementRef, Stanza};
use crate::stanza_error::{Condition, StanzaError};
use crate::xml::XmlWriter;

/// What a roster set asks for: exactly one change (RFC 6121 §2.1.5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RosterSet {
    /// Add the contact or change its name and groups.
    Update(ItemEdit),
    /// Remove the contact and end all subscriptions with it.
    Remove(BareJid),
}

/// Why a roster set can not be carried out (RFC 6121 §2.3.3).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RosterSetError {
    /// Not one item, or one without an address.
    #[error("a roster set holds one item with the address of a contact")]
    BadItem,
    /// The address is none.
    #[error("the address of the contact is malformed")]
    BadAddress,
    /// Name or groups are out of bounds.
    #[error(transparent)]
    Edit(#[from] EditError),
}

impl From<RosterSetError> for StanzaError {
    fn from(error: RosterSetError) -> Self {
        let condition = match error {
            RosterSetError::BadItem | RosterSetError::Edit(EditError::DuplicateGroup) => {
                Condition::BadRequest
            }
            RosterSetError::BadAddress => Condition::JidMalformed,
            RosterSetError::Edit(_) => Condition::NotAcceptable,
        };
        Self::new(condition).with_text(error.to_string())
    }
}

/// Reads a roster set. `subscription` other than `remove`, `ask` and `approved` are the server's to set and are ignored.
///
/// # Errors
/// [`RosterSetError`], which is also the stanza error to answer with.
pub fn read_set(stanza: &Stanza) -> Result<RosterSet, RosterSetError> {
    let query = stanza
        .child("query", ns::ROSTER)
        .ok_or(RosterSetError::BadItem)?;
    let mut items = query
        .children()
        .filter(|child| child.is("item", ns::ROSTER));
    let (Some(item), None) = (items.next(), items.next()) else {
        return Err(RosterSetError::BadItem);
    };
    let address = item.attribute("jid").ok_or(RosterSetError::BadItem)?;
    let jid = BareJid::new(&address).map_err(|_| RosterSetError::BadAddress)?;
    if item.attribute("subscription").as_deref() == Some("remove") {
        return Ok(RosterSet::Remove(jid));
    }
    let name = item.attribute("name").map(|name| name.into_owned());
    let edit = ItemEdit {
        jid,
        name,
        groups: groups(item),
    };
    edit.check()?;
    Ok(RosterSet::Update(edit))
}

fn groups(item: ElementRef<'_>) -> Vec<String> {
    let groups = item
        .children()
        .filter(|child| child.is("group", ns::ROSTER));
    groups.map(|group| group.text().into_owned()).collect()
}

/// Writes an item inside a roster query. `none` with nothing else is still written: it is what the user keeps.
pub fn write_item(xml: &mut XmlWriter, item: &RosterItem) {
    xml.open("item", ns::ROSTER).attr("jid", item.jid.as_str());
    xml.attr_some("name", item.name.as_deref());
    xml.attr("subscription", item.subscription.as_str());
    if item.ask && !item.subscription.is_to() {
        xml.attr("ask", "subscribe");
    }
    if item.approved && !item.subscription.is_from() {
        xml.attr("approved", "true");
    }
    for group in &item.groups {
        xml.text_element("group", ns::ROSTER, group);
    }
    xml.close();
}

/// Writes the removal of an item inside a roster push (RFC 6121 §2.5.2).
pub fn write_removal(xml: &mut XmlWriter, contact: &BareJid) {
    xml.open("item", ns::ROSTER)
        .attr("jid", contact.as_str())
        .attr("subscription", "remove")
        .close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::Subscription;
    use crate::xml::Limits;

    fn read(item: &str) -> Result<RosterSet, RosterSetError> {
        let xml =
            format!("<iq type='set' id='1'><query xmlns='jabber:iq:roster'>{item}</query></iq>");
        read_set(&Stanza::from_xml(xml.as_bytes(), &Limits::default()).unwrap())
    }

    #[test]
    fn one_item_is_read() {
        let item = "<item jid='Nurse@Example.com' name='Nurse' subscription='both'><group>Servants</group></item>";
        let jid = BareJid::new("nurse@example.com").unwrap();
        let edit = ItemEdit {
            jid,
            name: Some("Nurse".into()),
            groups: vec!["Servants".into()],
        };
        assert_eq!(read(item), Ok(RosterSet::Update(edit)));
    }

    #[test]
    fn what_is_wrong_has_its_condition() {
        let condition = |item| StanzaError::from(read(item).unwrap_err()).condition;
        assert_eq!(condition(""), Condition::BadRequest);
        assert_eq!(condition("<item name='x'/>"), Condition::BadRequest);
        assert_eq!(
            condition("<item jid='a@b'/><item jid='c@d'/>"),
            Condition::BadRequest
        );
        assert_eq!(condition("<item jid='@'/>"), Condition::JidMalformed);
        assert_eq!(
            condition("<item jid='a@b'><group/></item>"),
            Condition::NotAcceptable
        );
        let twice = "<item jid='a@b'><group>x</group><group>x</group></item>";
        assert_eq!(condition(twice), Condition::BadRequest);
    }

    #[test]
    fn an_item_is_written_as_the_rfc_shows_it() {
        let mut item = RosterItem::new(BareJid::new("romeo@example.net").unwrap());
        item.name = Some("Romeo".into());
        item.ask = true;
        item.subscription = Subscription::From;
        item.groups = vec!["Friends".into()];
        let mut xml = XmlWriter::new();
        xml.open("query", ns::ROSTER);
        write_item(&mut xml, &item);
        write_removal(&mut xml, &item.jid);
        xml.close();
        assert_eq!(
            String::from_utf8(xml.finish().to_vec()).unwrap(),
            "<query xmlns='jabber:iq:roster'><item jid='romeo@example.net' name='Romeo' subscription='from' \
             ask='subscribe'><group>Friends</group></item><item jid='romeo@example.net' subscription='remove'/></query>"
        );
    }
}
