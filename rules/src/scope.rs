//! What a condition's or action's reader may ask for while a script is compiled.

use std::sync::Arc;

use ahash::AHashMap;

use crate::definitions::list::List;
use crate::definitions::zone::Zone;
use crate::definitions::{Object, Objects};
use crate::diagnostic::Code;
use crate::expression::Template;
use crate::limiter::Limiter;
use crate::lua_pattern::{Mode, Pattern};
use crate::path::Path;
use crate::program::ChainId;
use crate::refusal::Refusal;
use crate::run::PathId;

/// Numbers for paths and chains.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    paths: AHashMap<String, PathId>,
    pub(crate) path_list: Vec<Path>,
    pub(crate) chains: AHashMap<Box<str>, ChainId>,
    pub(crate) chain_list: Vec<Box<str>>,
}

impl Numbers {
    pub(crate) fn path(&mut self, text: &str) -> Result<PathId, Refusal> {
        if let Some(&id) = self.paths.get(text) {
            return Ok(id);
        }
        let path = Path::parse(text).map_err(|error| {
            Refusal::new(Code::Path, error.to_string())
                .help("write {namespace}name/name# or name@attribute")
        })?;
        let id = PathId(u32::try_from(self.path_list.len()).unwrap_or(u32::MAX));
        self.path_list.push(path);
        self.paths.insert(text.to_owned(), id);
        Ok(id)
    }

    pub(crate) fn chain(&mut self, name: &str) -> ChainId {
        if let Some(&id) = self.chains.get(name) {
            return id;
        }
        let id = ChainId(u32::try_from(self.chain_list.len()).unwrap_or(u32::MAX));
        self.chain_list.push(name.into());
        self.chains.insert(name.into(), id);
        id
    }
}

/// The surroundings of one condition or action.
pub(crate) struct Scope<'c> {
    pub(crate) numbers: &'c mut Numbers,
    pub(crate) objects: &'c Objects,
    pub(crate) script: u32,
    /// Chains and events that actions of this rule lead to.
    pub(crate) jumps: Vec<ChainId>,
    pub(crate) events: Vec<String>,
    /// Warnings about the value.
    pub(crate) warnings: Vec<Refusal>,
    /// True once the value has named a definition, whose meaning depends on the script.
    pub(crate) is_script_bound: bool,
    /// The list that the value has named, if any.
    pub(crate) list: Option<Arc<List>>,
}

impl Scope<'_> {
    pub(crate) fn path(&mut self, text: &str) -> Result<PathId, Refusal> {
        self.numbers.path(text)
    }

    /// The namespace of the child that a path begins with, if it is written.
    pub(crate) fn payload_of(&self, id: PathId) -> Option<Box<str>> {
        self.numbers
            .path_list
            .get(id.0 as usize)?
            .payload()
            .map(Box::from)
    }

    pub(crate) fn template(&mut self, text: &str) -> Result<Template, Refusal> {
        let numbers = &mut *self.numbers;
        Template::parse(text, &mut |path| numbers.path(path))
    }

    pub(crate) fn warn(&mut self, code: Code, message: impl Into<String>) {
        self.warnings.push(Refusal::new(code, message));
    }

    /// Warns about a word, with the known one that is meant.
    pub(crate) fn warn_near(&mut self, warning: Refusal, word: &str, known: &[&str]) {
        let nearest = crate::diagnostic::nearest(word, known.iter().copied());
        self.warnings.push(match nearest {
            Some(nearest) => warning.help(format!("did you mean `{nearest}`?")),
            None => warning.help(format!("the known words are {}", known.join(", "))),
        });
    }

    /// An address in normal form; says so if that changed it.
    pub(crate) fn normalise(&mut self, text: &str) -> String {
        let normal = crate::jid_pattern::normalised(text);
        if normal != text {
            self.warn(Code::Normalised, format!("{text} is compared as {normal}"));
        }
        normal
    }

    fn object(&mut self, keyword: &str, name: &str, undefined: &str) -> Result<Object, Refusal> {
        self.is_script_bound = true;
        let Some(found) = self.objects.find(self.script, keyword, name) else {
            let known = self.objects.names(keyword);
            let help = match crate::diagnostic::nearest(name, known) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("define it with `%{keyword} {name}: ...`"),
            };
            let mut refusal = Refusal::new(Code::Undefined, format!("{undefined}: {name}"));
            refusal.is_echo = self.objects.has_failed(self.script, keyword, name);
            return Err(refusal.help(help));
        };
        let object = found.entry.object.clone();
        if found.others > 1 {
            let script = found.entry.script.clone();
            self.warn(
                Code::Duplicate,
                format!("{name} is defined in several scripts; that of {script} is used"),
            );
        }
        Ok(object)
    }

    pub(crate) fn zone(&mut self, name: &str) -> Result<Arc<Zone>, Refusal> {
        if name == "$local" {
            return Ok(Arc::new(Zone::local()));
        }
        if !crate::syntax::parser::is_name(name) {
            return Err(Refusal::new(
                Code::InvalidName,
                format!("Invalid zone name: {name}"),
            ));
        }
        match self.object("ZONE", name, "Unknown zone")? {
            Object::Zone(zone) => Ok(zone),
            _ => Err(Refusal::new(
                Code::Undefined,
                format!("Unknown zone: {name}"),
            )),
        }
    }

    pub(crate) fn list(&mut self, name: &str) -> Result<Arc<List>, Refusal> {
        match self.object("LIST", name, "Unknown list")? {
            Object::List(list) => {
                self.list = Some(Arc::clone(&list));
                Ok(list)
            }
            _ => Err(Refusal::new(
                Code::Undefined,
                format!("Unknown list: {name}"),
            )),
        }
    }

    pub(crate) fn limiter(&mut self, name: &str) -> Result<Arc<Limiter>, Refusal> {
        match self.object("RATE", name, "Unknown rate limit")? {
            Object::Rate(limiter) => Ok(limiter),
            _ => Err(Refusal::new(
                Code::Undefined,
                format!("Unknown rate limit: {name}"),
            )),
        }
    }

    pub(crate) fn search(&mut self, name: &str) -> Result<PathId, Refusal> {
        match self.object("SEARCH", name, "Undefined search path")? {
            Object::Search(search) => Ok(search.0),
            _ => Err(Refusal::new(
                Code::Undefined,
                format!("Undefined search path: {name}"),
            )),
        }
    }

    pub(crate) fn pattern(&mut self, name: &str) -> Result<Pattern, Refusal> {
        match self.object("PATTERN", name, "Undefined pattern")? {
            Object::Pattern(text) => Pattern::new(text.as_bytes(), Mode::Iterate)
                .map_err(|error| Refusal::new(Code::Pattern, error.to_string())),
            _ => Err(Refusal::new(
                Code::Undefined,
                format!("Undefined pattern: {name}"),
            )),
        }
    }
}
