//! `weft app validate`: check a manifest without a lattice.

use clap::Args;
use clap::builder::BoolishValueParser;
use serde::Serialize;
use weft_manifest::{Diagnostic, Strictness};

use super::manifest::{Reading, read_manifest, tally};
use super::source::read_source;
use crate::context::Context;
use crate::failure::Failure;
use crate::ui::count;
use crate::view::{Block, SchemaVersion, View};

/// Check a manifest, without a lattice
///
/// Tells everything that is wrong or odd about it at once, each with its place, also that files of images are missing.
/// Exits with status 4 when it has errors.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weft app validate shop.yaml          Check it
  weft app validate shop.yaml --strict Take what is odd as errors, such as in a pipeline
  weft app validate - -o json          Check standard input, for an editor")]
pub(crate) struct ValidateArgs {
    /// The manifest, YAML or JSON; `-` is standard input
    file: String,

    /// Take what is odd about the manifest as errors
    #[arg(long, env = "WEFT_STRICT", value_parser = BoolishValueParser::new(), hide_env_values = true)]
    strict: bool,
}

/// What is wrong or odd about a manifest.
#[derive(Debug, Serialize)]
struct ValidateView {
    schema_version: SchemaVersion,
    /// What was checked: a path, or `stdin`.
    file: String,
    /// Whether it can be used.
    is_valid: bool,
    /// The application; `null` when the manifest is not valid.
    application: Option<ApplicationView>,
    /// In the order of the text.
    diagnostics: Vec<DiagnosticView>,
    /// The diagnostics for people.
    #[serde(skip)]
    rendered: Vec<String>,
}

/// What an application consists of.
#[derive(Debug, Serialize)]
struct ApplicationView {
    /// Its name.
    name: String,
    /// The version that its author gave it.
    version: Option<String>,
    /// How many components it has.
    components: usize,
    /// How many capability providers.
    providers: usize,
    /// How many links.
    links: usize,
    /// How many configs it brings along.
    configs: usize,
}

/// Something wrong or odd.
#[derive(Debug, Serialize)]
struct DiagnosticView {
    /// `error` or `warning`.
    severity: String,
    /// The code, such as `APP005`.
    code: &'static str,
    /// The path in the manifest, such as `spec.components[web]`; empty for the whole.
    subject: String,
    /// What is wrong.
    message: String,
    /// The line where it begins, counted from 1.
    line: usize,
    /// The column where it begins, in characters, counted from 1.
    column: usize,
    /// The line where it ends.
    end_line: usize,
    /// The column where it ends, exclusive.
    end_column: usize,
    /// What to do about it.
    hints: Vec<String>,
}

/// Checks the manifest.
pub(crate) fn run(args: &ValidateArgs, context: &mut Context) -> Result<(), Failure> {
    let strictness = if args.strict {
        Strictness::Strict
    } else {
        Strictness::Lenient
    };
    let source = read_source(context, &args.file)?;
    let reading = read_manifest(source, strictness);
    context.show(&ValidateView::new(&reading));
    if reading.manifest.is_none() {
        return Err(reading.unusable().into());
    }
    Ok(())
}

// ===== impl ValidateView =====

impl ValidateView {
    fn new(reading: &Reading) -> Self {
        let (name, text) = (&reading.source.name, reading.text());
        let application = reading.manifest.as_ref().map(|manifest| {
            let application = &manifest.application;
            ApplicationView {
                name: application.name.to_string(),
                version: application.version.clone(),
                components: application.components.len(),
                providers: application.providers.len(),
                links: application.links.len(),
                configs: application.configs.len(),
            }
        });
        Self {
            schema_version: SchemaVersion,
            file: name.clone(),
            is_valid: application.is_some(),
            application,
            diagnostics: reading.diagnostics.iter().map(Into::into).collect(),
            rendered: reading
                .diagnostics
                .iter()
                .map(|diagnostic| weft_manifest::render(name, &text, diagnostic) + "\n")
                .collect(),
        }
    }
}

impl From<&Diagnostic> for DiagnosticView {
    fn from(diagnostic: &Diagnostic) -> Self {
        let span = diagnostic.span;
        Self {
            severity: diagnostic.severity.to_string(),
            code: diagnostic.code.as_str(),
            subject: diagnostic.subject.clone(),
            message: diagnostic.message.clone(),
            line: span.start.line,
            column: span.start.column,
            end_line: span.end.line,
            end_column: span.end.column,
            hints: diagnostic.hints.clone(),
        }
    }
}

impl View for ValidateView {
    fn blocks(&self, _is_wide: bool) -> Vec<Block> {
        let mut blocks: Vec<Block> = self.rendered.iter().cloned().map(Block::Text).collect();
        if let Some(application) = &self.application {
            let ApplicationView {
                name,
                version: _,
                components,
                providers,
                links,
                configs,
            } = application;
            let oddities = match self.diagnostics.len() {
                0 => String::new(),
                warnings => format!(", with {}", tally(0, warnings)),
            };
            blocks.push(Block::Done(format!(
                "`{}` is valid{oddities}: application `{name}` with {}, {}, {} and {}",
                self.file,
                count(*components, "component"),
                count(*providers, "provider"),
                count(*links, "link"),
                count(*configs, "config"),
            )));
        }
        blocks
    }

    fn names(&self) -> Vec<String> {
        self.application
            .iter()
            .map(|application| application.name.clone())
            .collect()
    }
}
