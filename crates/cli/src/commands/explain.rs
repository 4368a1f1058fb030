//! `weft explain`: the pages of error codes.

use clap::Args;
use serde::Serialize;
use weft_model::problem::Coded;

use crate::context::Context;
use crate::failure::Failure;
use crate::pages::{self, Page};
use crate::status::Status;
use crate::ui::{Table, join_words, nearest};
use crate::view::{Block, SchemaVersion, View};

/// Read about an error code
///
/// Errors end with a code. This tells what causes it, how to check, and how to fix it. Without a code, all are listed.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft explain APP014                  Read about a code
  weft explain                         List all codes")]
pub(crate) struct ExplainArgs {
    /// The code, such as `APP014`
    code: Option<String>,
}

/// There is no page about a code.
#[derive(Debug, thiserror::Error)]
#[error("there is no page about `{code}`")]
struct UnknownCode {
    code: String,
    nearest: Vec<&'static str>,
}

/// All codes.
#[derive(Debug, Serialize)]
struct CodesView {
    schema_version: SchemaVersion,
    /// By code.
    codes: Vec<CodeView>,
}

/// A code in a list.
#[derive(Debug, Serialize)]
struct CodeView {
    /// The code.
    code: &'static str,
    /// What it means, in a few words.
    title: &'static str,
}

/// A page.
#[derive(Debug, Serialize)]
struct PageView {
    schema_version: SchemaVersion,
    /// The code.
    code: &'static str,
    /// What it means, in a few words.
    title: &'static str,
    /// The page, in Markdown.
    text: &'static str,
}

/// Shows a page, or the list of pages.
pub(crate) fn run(args: &ExplainArgs, context: &mut Context) -> Result<(), Failure> {
    let Some(code) = &args.code else {
        let codes = pages::all().iter().map(CodeView::new).collect();
        context.show(&CodesView {
            schema_version: SchemaVersion,
            codes,
        });
        return Ok(());
    };
    let page = pages::find(code.trim()).ok_or_else(|| UnknownCode {
        code: code.clone(),
        nearest: nearest(code, pages::all().iter().map(|page| page.code)),
    })?;
    context.show(&PageView {
        schema_version: SchemaVersion,
        code: page.code,
        title: page.title(),
        text: page.text,
    });
    Ok(())
}

// ===== impl CodeView =====

impl CodeView {
    fn new(page: &Page) -> Self {
        Self {
            code: page.code,
            title: page.title(),
        }
    }
}

// ===== impl View =====

impl View for CodesView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let mut table = Table::new(["CODE", "MEANING"]);
        for CodeView { code, title } in &self.codes {
            table.push([(*code).to_owned(), (*title).to_owned()]);
        }
        vec![Block::Table(table)]
    }

    fn names(&self) -> Vec<String> {
        self.codes.iter().map(|code| code.code.to_owned()).collect()
    }
}

impl View for PageView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        vec![Block::Text(self.text.to_owned())]
    }

    fn names(&self) -> Vec<String> {
        vec![self.code.to_owned()]
    }
}

// ===== impl UnknownCode =====

impl Coded for UnknownCode {
    fn code(&self) -> &'static str {
        "CLI010"
    }

    fn subject(&self) -> String {
        self.code.clone()
    }

    fn hints(&self) -> Vec<String> {
        let list = "list all codes with `weft explain`".to_owned();
        if self.nearest.is_empty() {
            vec![list]
        } else {
            vec![format!("similar: {}", join_words(&self.nearest)), list]
        }
    }
}

impl From<UnknownCode> for Failure {
    fn from(error: UnknownCode) -> Self {
        Self::new(Status::NotFound, &error)
    }
}
