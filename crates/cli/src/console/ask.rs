//! Asking whoever sits at the terminal.

use std::io::{BufRead, BufReader, Read};

use owo_colors::OwoColorize;
use tokio::sync::oneshot;
use weft_model::problem::Coded;

use super::Console;
use super::echo_unix::Silence;
use crate::failure::Failure;
use crate::status::Status;
use crate::ui::printable;

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 1024;

/// Why something was not confirmed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// There is nobody to ask.
    #[error("{action} needs a confirmation, and there is no terminal to ask at")]
    NotAttended {
        /// What was to be done.
        action: String,
    },
    /// The answer was no.
    #[error("{action} was not confirmed")]
    Declined {
        /// What was to be done.
        action: String,
    },
}

// ===== impl Console =====

impl Console {
    /// Asks whether `action` may be done, whose consequence is `consequence`. No answer is a no.
    ///
    /// # Errors
    ///
    /// [`AskError`] unless the answer is yes.
    pub(crate) async fn confirm(
        &mut self,
        action: &str,
        consequence: &str,
    ) -> Result<(), AskError> {
        let action = action.to_owned();
        if !self.terminal.is_attended {
            return Err(AskError::NotAttended { action });
        }
        self.clear_progress();
        let question = format!(
            "{} {} Go on? [y/N] ",
            "warning:".style(self.messages_styles.warning),
            printable(consequence)
        );
        self.write_message(&question);
        let answer = self.read_answer().await.unwrap_or_default();
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(AskError::Declined { action }),
        }
    }

    /// Whether there is somebody to ask.
    pub(crate) fn is_attended(&self) -> bool {
        self.terminal.is_attended
    }

    /// Asks for `what`, which is not shown as it is typed; `None` when there is no answer, or it is interrupted.
    pub(crate) async fn ask_secret(&mut self, what: &str) -> Option<String> {
        self.clear_progress();
        self.write_message(&format!("{what}: "));
        let _silence = Silence::begin();
        // The interrupt would end the process, and leave the terminal silent.
        tokio::select! {
            line = self.read_answer() => line,
            _ = tokio::signal::ctrl_c() => None,
        }
    }

    /// A line of input; `None` when there is none.
    async fn read_answer(&mut self) -> Option<String> {
        let input = self.input.take()?;
        let (sender, receiver) = oneshot::channel();
        // A thread of its own, which is left alone when the command is interrupted: the runtime waits for its own.
        std::thread::spawn(move || {
            let mut input = BufReader::new(input.take(ANSWER_BYTES_MAX));
            let mut line = String::new();
            let read = input.read_line(&mut line);
            // The receiver is gone when the command was interrupted.
            let _ = sender.send(read.is_ok().then_some(line));
        });
        receiver.await.ok().flatten()
    }

    /// All of the input, up to `bytes_max` and one more; `None` when it was read already.
    pub(crate) fn read_input(&mut self, bytes_max: u64) -> Option<std::io::Result<Vec<u8>>> {
        let input = self.input.take()?;
        let mut bytes = Vec::new();
        let read = input.take(bytes_max + 1).read_to_end(&mut bytes);
        Some(read.map(|_| bytes))
    }
}

// ===== impl AskError =====

impl Coded for AskError {
    fn code(&self) -> &'static str {
        "CLI011"
    }

    fn subject(&self) -> String {
        let (Self::NotAttended { action } | Self::Declined { action }) = self;
        action.clone()
    }

    fn hints(&self) -> Vec<String> {
        match self {
            Self::NotAttended { .. } => vec!["confirm it with `--yes`".to_owned()],
            Self::Declined { .. } => Vec::new(),
        }
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Self {
        let status = match error {
            AskError::NotAttended { .. } => Status::Usage,
            AskError::Declined { .. } => Status::Rejected,
        };
        Self::new(status, &error)
    }
}
