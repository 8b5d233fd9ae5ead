//! Carries out what operators ask of the node itself.

use actors::admin::protocol::Answer;
use actors::admin::{ListenerWish, Wish};
use portcullis_config::Sources;

use crate::node::Node;
use crate::reload::{plan, reload};

/// Does what is wanted. Listeners that are added or removed change `sources`, so that the next
/// reload keeps them so.
pub(crate) async fn carry_out(node: &mut Node, sources: &mut Sources, wish: Wish) -> Answer {
    match wish {
        Wish::Plan => plan(node, sources),
        Wish::Reload => reload(node, sources).await.into(),
        Wish::Listener(wish) => listener(node, sources, wish).await,
    }
}

async fn listener(node: &mut Node, sources: &mut Sources, wish: ListenerWish) -> Answer {
    let core = std::sync::Arc::clone(&node.core);
    match wish {
        ListenerWish::List => Answer::Listeners {
            listeners: node.listeners.list(&core).await,
        },
        ListenerWish::Add { name, settings } => {
            match with_listener(node, sources, &name, &settings) {
                Ok(wanted) => take_over(node, sources, wanted).await,
                Err(problem) => Answer::refused(problem),
            }
        }
        ListenerWish::Remove(name) if !exists(node, &name) => Answer::refused(format!(
            "there is no listener {name:?}: list them to see their names"
        )),
        ListenerWish::Remove(name) => {
            let mut wanted = without_settings(sources, &name);
            wanted.without_listeners.insert(name);
            take_over(node, sources, wanted).await
        }
        ListenerWish::Restart(name) => node.listeners.restart(&core, &name).await,
        ListenerWish::Drain { name, within } => node.listeners.drain(&core, &name, within).await,
        ListenerWish::Resume(name) => node.listeners.resume(&core, &name).await,
    }
}

/// Reloads from `wanted`, and reloads from there ever after if that worked.
async fn take_over(node: &mut Node, sources: &mut Sources, wanted: Sources) -> Answer {
    let outcome = reload(node, &wanted).await;
    if outcome.is_ok() {
        *sources = wanted;
    }
    outcome.into()
}

fn exists(node: &Node, name: &str) -> bool {
    let config = node.core.config();
    config.listeners.keys().any(|known| known.as_str() == name)
}

fn with_listener(
    node: &Node,
    sources: &Sources,
    name: &str,
    settings: &[String],
) -> Result<Sources, String> {
    if exists(node, name) {
        return Err(format!(
            "there is a listener {name:?} already: change it in the configuration and reload, or remove it first"
        ));
    }
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    if name.is_empty() || !name.bytes().all(is_name) {
        return Err(format!(
            "{name:?} is not a listener name: up to 32 of a-z, 0-9 and _, a letter first"
        ));
    }
    let mut wanted = without_settings(sources, name);
    wanted.without_listeners.remove(name);
    let prefixed = settings
        .iter()
        .map(|setting| format!("listener.{name}.{setting}"));
    wanted.set.extend(prefixed);
    Ok(wanted)
}

/// The sources without what was set for a listener beside the files.
fn without_settings(sources: &Sources, name: &str) -> Sources {
    let prefix = format!("listener.{name}.");
    let mut wanted = sources.clone();
    wanted.set.retain(|setting| !setting.starts_with(&prefix));
    wanted
}
