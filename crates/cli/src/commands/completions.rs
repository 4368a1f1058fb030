//! `weft completions`: completions for shells.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::arguments::Cli;
use crate::context::Context;

/// Print completions for a shell
///
/// Load them in the start-up file of the shell, or write them where it looks for completions.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  source <(weft completions bash)      Complete in this shell; in ~/.bashrc, in each
  weft completions zsh > ~/.zfunc/_weft
  weft completions fish > ~/.config/fish/completions/weft.fish")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Prints the completions.
pub(crate) fn run(args: &CompletionsArgs, context: &mut Context) {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "weft", &mut script);
    context.console.data(&String::from_utf8_lossy(&script));
}
