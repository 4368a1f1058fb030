//! What is printed, and where: data on one stream, everything else on the other.

mod ask;
mod echo_unix;
mod format;

pub(crate) use format::{Format, render_json, render_yaml};

use std::io::{self, ErrorKind, Read, Write};

use owo_colors::OwoColorize;
use weft_manifest::Diagnostic;
use weft_model::problem::Coded;

use crate::failure::{self, Failure};
use crate::process::Terminal;
use crate::status::Status;
use crate::ui::{Styles, printable, printable_line, shorten};
use crate::view::{Block, View};

/// How much is said beside data.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) enum Verbosity {
    /// Failures alone.
    Quiet,
    /// Also warnings, progress on terminals, and what was done.
    #[default]
    Normal,
    /// Also how it was done.
    Verbose,
}

/// Where a command prints. Closed pipes are not errors: nothing more is printed there.
pub(crate) struct Console {
    output: Box<dyn Write + Send>,
    messages: Box<dyn Write + Send>,
    /// `None` while it is being read.
    input: Option<Box<dyn Read + Send>>,
    terminal: Terminal,
    format: Format,
    verbosity: Verbosity,
    /// Styles of each stream.
    output_styles: Styles,
    messages_styles: Styles,
    is_output_closed: bool,
    output_error: Option<io::Error>,
    is_progress_shown: bool,
    views_shown: usize,
}

/// Data could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the output")]
pub(crate) struct OutputError(#[source] io::Error);

// ===== impl Console =====

impl Console {
    /// The console of a process.
    pub(crate) fn new(
        output: Box<dyn Write + Send>,
        messages: Box<dyn Write + Send>,
        input: Box<dyn Read + Send>,
        terminal: Terminal,
    ) -> Self {
        Self {
            output,
            messages,
            input: Some(input),
            terminal,
            format: Format::default(),
            verbosity: Verbosity::default(),
            output_styles: Styles::default(),
            messages_styles: Styles::default(),
            is_output_closed: false,
            output_error: None,
            is_progress_shown: false,
            views_shown: 0,
        }
    }

    /// Takes over what the arguments say about output.
    pub(crate) fn configure(&mut self, format: Format, verbosity: Verbosity, allows_colour: bool) {
        let allows_colour = allows_colour && self.terminal.allows_colour;
        let styles = |is_terminal: bool| {
            if allows_colour && is_terminal {
                Styles::coloured()
            } else {
                Styles::default()
            }
        };
        self.format = format;
        self.verbosity = verbosity;
        self.output_styles = styles(self.terminal.output_width.is_some());
        self.messages_styles = styles(self.terminal.messages_width.is_some());
    }

    /// Whether messages are shown on a terminal.
    pub(crate) fn is_messages_terminal(&self) -> bool {
        self.terminal.messages_width.is_some()
    }

    /// The form in which data is printed.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Whether nobody reads the data any more.
    pub(crate) fn is_output_closed(&self) -> bool {
        self.is_output_closed
    }

    /// Prints a view in the form that was asked for.
    pub(crate) fn show<V: View>(&mut self, view: &V) {
        let text = match self.format {
            Format::Json => format::render_json(view),
            Format::Yaml => format::render_yaml(view),
            Format::Name => format::render_names(view),
            Format::Table | Format::Wide => return self.show_blocks(view),
        };
        self.data(&text);
    }

    /// Prints a view as one of several in a stream: objects of JSON are one per line, others are told apart.
    pub(crate) fn show_next<V: View>(&mut self, view: &V) {
        let is_first = self.views_shown == 0;
        self.views_shown += 1;
        match self.format {
            Format::Json => self.data(&format::render_json_line(view)),
            Format::Yaml => {
                let text = format!("---\n{}", format::render_yaml(view));
                self.data(&text);
            }
            Format::Table | Format::Wide => {
                if !is_first {
                    self.data("\n");
                }
                self.show(view);
            }
            Format::Name => self.show(view),
        }
    }

    /// Prints a view as one of many lines: as [`Self::show_next`], without an empty line between.
    pub(crate) fn show_line<V: View>(&mut self, view: &V) {
        match self.format {
            Format::Json | Format::Yaml => self.show_next(view),
            Format::Table | Format::Wide | Format::Name => self.show(view),
        }
    }

    fn show_blocks<V: View>(&mut self, view: &V) {
        let is_wide = self.format == Format::Wide;
        for block in view.blocks(is_wide) {
            match block {
                Block::Table(table) => self.show_table(&table),
                Block::Line(line) => {
                    let line = format!("{}\n", printable_line(&line));
                    self.data(&line);
                }
                Block::Text(text) => self.data(&text),
                Block::Problem(problem) => {
                    let mut lines = failure::render_problem(&problem, &self.output_styles);
                    lines.push(String::new());
                    self.data(&lines.join("\n"));
                }
                Block::Nothing(what) => self.note(&what),
                Block::Done(what) => self.done(&what),
            }
        }
    }

    fn show_table(&mut self, table: &crate::ui::Table) {
        let lines = table.lines(self.terminal.output_width);
        let mut text = String::new();
        for (number, line) in lines.iter().enumerate() {
            if number == 0 {
                text.push_str(&line.style(self.output_styles.header).to_string());
            } else {
                text.push_str(line);
            }
            text.push('\n');
        }
        self.data(&text);
    }

    /// Prints data as it is.
    pub(crate) fn data(&mut self, text: &str) {
        if self.is_output_closed {
            return;
        }
        self.clear_progress();
        let written = self
            .output
            .write_all(text.as_bytes())
            .and_then(|()| self.output.flush());
        if let Err(error) = written {
            self.is_output_closed = true;
            if error.kind() != ErrorKind::BrokenPipe {
                self.output_error = Some(error);
            }
        }
    }

    /// Says something that is good to know.
    pub(crate) fn note(&mut self, text: &str) {
        if self.verbosity >= Verbosity::Normal {
            self.say(&printable(text));
        }
    }

    /// Says something that is good to know when something puzzles.
    pub(crate) fn detail(&mut self, text: &str) {
        if self.verbosity >= Verbosity::Verbose {
            let text = printable(text);
            let text = text.style(self.messages_styles.aside).to_string();
            self.say(&text);
        }
    }

    /// Says what was done.
    pub(crate) fn done(&mut self, text: &str) {
        if self.verbosity >= Verbosity::Normal {
            let text = printable_line(text);
            let text = text.style(self.messages_styles.done).to_string();
            self.say(&text);
        }
    }

    /// Warns.
    pub(crate) fn warn(&mut self, text: &str) {
        if self.verbosity >= Verbosity::Normal {
            let word = "warning:".style(self.messages_styles.warning).to_string();
            self.say(&format!("{word} {}", printable(text)));
        }
    }

    /// Tells what is wrong with a manifest; `is_needed` tells it also where only failures are told.
    pub(crate) fn diagnose(
        &mut self,
        source_name: &str,
        text: &str,
        diagnostics: &[Diagnostic],
        is_needed: bool,
    ) {
        if !is_needed && self.verbosity < Verbosity::Normal {
            return;
        }
        for diagnostic in diagnostics {
            let rendered = weft_manifest::render(source_name, text, diagnostic);
            self.say(&rendered);
        }
    }

    /// Shows what goes on, in a line that the next replaces: on a terminal, with tables, unless quiet.
    pub(crate) fn progress(&mut self, text: &str) {
        let Some(width) = self.terminal.messages_width else {
            return;
        };
        if self.verbosity != Verbosity::Normal || !self.format.is_for_people() {
            return;
        }
        let line = shorten(&printable(text), usize::from(width).saturating_sub(1));
        let line = line.style(self.messages_styles.aside).to_string();
        self.write_message(&format!("\r\u{1b}[2K{line}"));
        self.is_progress_shown = true;
    }

    /// Tells a failure.
    pub(crate) fn fail(&mut self, failure: &Failure) {
        let text = failure::render(failure, &self.messages_styles);
        self.clear_progress();
        self.write_message(&text);
    }

    /// Tells several failures.
    pub(crate) fn fail_all(&mut self, failures: &[Failure]) {
        for failure in failures {
            self.fail(failure);
            self.say("");
        }
    }

    /// Passes on what another process said, line by line.
    pub(crate) fn relay(&mut self, text: &str) {
        for line in text.lines() {
            self.say(&printable_line(line));
        }
    }

    /// Whether all data was written, or nobody wanted it.
    pub(crate) fn finish(&mut self) -> Result<(), OutputError> {
        self.clear_progress();
        match self.output_error.take() {
            None => Ok(()),
            Some(error) => Err(OutputError(error)),
        }
    }

    fn say(&mut self, text: &str) {
        self.clear_progress();
        self.write_message(&format!("{text}\n"));
    }

    fn clear_progress(&mut self) {
        if std::mem::take(&mut self.is_progress_shown) {
            self.write_message("\r\u{1b}[2K");
        }
    }

    fn write_message(&mut self, text: &str) {
        // Where messages cannot be written there is nowhere to say so.
        let _ = self
            .messages
            .write_all(text.as_bytes())
            .and_then(|()| self.messages.flush());
    }
}

// ===== impl OutputError =====

impl Coded for OutputError {
    fn code(&self) -> &'static str {
        "CLI013"
    }

    fn subject(&self) -> String {
        "stdout".to_owned()
    }

    fn hints(&self) -> Vec<String> {
        vec!["check that there is room where the output goes".to_owned()]
    }
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Self {
        Self::new(Status::Unforeseen, &error)
    }
}
