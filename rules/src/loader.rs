//! What the language needs from outside while scripts are loaded: contents of files and lists.

use std::sync::Arc;

use arc_swap::ArcSwap;
use thiserror::Error;

use crate::definitions::list::SharedContents;
use crate::definitions::list::contents::ListContents;
use crate::definitions::list::definition::{Backend, ListDefinition};

/// Why something could not be loaded, in words for the operator.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LoadError {
    /// There is no such file.
    #[error("{0}: no such file")]
    Missing(String),
    /// It is there but can not be read.
    #[error("{0}")]
    Unreadable(String),
    /// This build or configuration can not load it.
    #[error("{0}")]
    Unsupported(String),
}

/// Reads files and holds the contents of lists.
pub trait Loader {
    /// The bytes of a file that a script names. Relative paths are the loader's to resolve.
    ///
    /// # Errors
    /// If the file is not there or can not be read.
    fn read(&self, path: &str) -> Result<Vec<u8>, LoadError>;

    /// The contents of a file or http list. A loader that shares them between hosts answers with the same handle
    /// for the same source and options, and replaces what is in it when the source changes. One that fetches nothing
    /// leaves http lists as they are before their first answer: unknown.
    ///
    /// # Errors
    /// If the source can not be read.
    fn list(&self, definition: &ListDefinition) -> Result<SharedContents, LoadError> {
        match &definition.backend {
            Backend::Memory => Ok(SharedContents::default()),
            Backend::File {
                path,
                may_be_missing,
            } => match self.read(path) {
                Ok(text) => Ok(Arc::new(ArcSwap::from_pointee(ListContents::from_lines(
                    &text,
                )))),
                Err(LoadError::Missing(_)) if *may_be_missing => Ok(SharedContents::default()),
                Err(error) => Err(error),
            },
            Backend::Http { .. } => Ok(Arc::new(ArcSwap::from_pointee(
                ListContents::never_loaded(),
            ))),
        }
    }
}

/// A loader that finds nothing: for scripts without files.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFiles;

impl Loader for NoFiles {
    fn read(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        Err(LoadError::Missing(path.to_owned()))
    }
}
