//! `weft link`: who may call whom.

pub(crate) mod delete;
pub(crate) mod put;
mod view;

use clap::{Args, Subcommand};
use weft_model::interface::PackageName;

use super::get::links::{self, LinksArgs};
use crate::context::Context;
use crate::failure::Failure;

/// Put, delete and list links: who may call whom, for what
///
/// What an application deployed is kept as its manifest says: change the manifest instead.
#[derive(Args, Debug)]
#[command(
    visible_alias = "links",
    arg_required_else_help = true,
    after_help = "\
Examples:
  weft link put web kv wasi:keyvalue/store,atomics
                                       Let `web` call the store of `kv`
  weft link list                       See who may call whom
  weft link del web wasi:keyvalue      Let `web` call no store any more"
)]
pub(crate) struct LinkArgs {
    #[command(subcommand)]
    command: LinkCommand,
}

/// What to do with links.
#[derive(Debug, Subcommand)]
enum LinkCommand {
    Put(Box<put::PutArgs>),
    #[command(name = "del", visible_aliases = ["delete", "rm"])]
    Delete(Box<delete::DeleteArgs>),
    /// List the links: who may call whom, for what
    #[command(
        name = "list",
        visible_aliases = ["query", "get", "ls"],
        after_help = "\
Examples:
  weft link list                       See who may call whom
  weft link list -o wide               See the configs of both sides too"
    )]
    List(LinksArgs),
}

/// What a link is about, as it is written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Subject {
    pub(crate) package: PackageName,
    pub(crate) interfaces: Vec<String>,
}

/// Why the words do not say what a link is about.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum SubjectError {
    /// The words have another form.
    #[error(
        "write a package such as `wasi:keyvalue`, maybe with interfaces: `wasi:keyvalue/store,atomics`"
    )]
    Form,
    /// The name is none.
    #[error("`{text}` is no name of a package")]
    Package {
        /// The name.
        text: String,
    },
}

/// Runs the subcommand.
pub(crate) async fn run(args: LinkArgs, context: &mut Context) -> Result<(), Failure> {
    match args.command {
        LinkCommand::Put(args) => put::run(&args, context).await,
        LinkCommand::Delete(args) => Box::pin(delete::run(&args, context)).await,
        LinkCommand::List(args) => links::run(&args, context).await,
    }
}

// ===== impl Subject =====

impl Subject {
    /// Reads `NAMESPACE:PACKAGE[/INTERFACE,…]`, or `NAMESPACE PACKAGE` as two words.
    pub(crate) fn read(words: &[String]) -> Result<Self, SubjectError> {
        let (namespace, package, interfaces) = match words {
            [word] => {
                let (package, interfaces) = word.split_once('/').unwrap_or((word, ""));
                let (namespace, package) = package.split_once(':').ok_or(SubjectError::Form)?;
                (namespace, package, interfaces)
            }
            [namespace, package] => (namespace.as_str(), package.as_str(), ""),
            _ => return Err(SubjectError::Form),
        };
        let names = interfaces.split(',').map(str::trim);
        Ok(Self {
            package: PackageName::new(namespace, package).map_err(|_| SubjectError::Package {
                text: format!("{namespace}:{package}"),
            })?,
            interfaces: names
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_one_word_or_two() {
        let check = |words: &[&str], package: &str, interfaces: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            let subject = Subject::read(&words).unwrap();
            assert_eq!(subject.package.to_string(), package);
            assert_eq!(subject.interfaces, interfaces);
        };
        check(&["wasi:keyvalue"], "wasi:keyvalue", &[]);
        check(&["wasi", "keyvalue"], "wasi:keyvalue", &[]);
        check(
            &["wasi:keyvalue/store, atomics"],
            "wasi:keyvalue",
            &["store", "atomics"],
        );
        for words in [&["keyvalue"][..], &[], &["a b:c"]] {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            assert!(Subject::read(&words).is_err(), "{words:?}");
        }
    }
}
