//! The layout of failures.

use owo_colors::OwoColorize;
use weft_model::problem::Problem;

use super::Failure;
use crate::pages;
use crate::ui::{Styles, printable};

/// Renders `failure`: what failed, the chain of causes, the problems it consists of, an empty line, hints, and the code
/// last. Ends with a line break.
pub(crate) fn render(failure: &Failure, styles: &Styles) -> String {
    let failure = &*failure.told;
    let mut lines = vec![format!(
        "{} {}",
        "error:".style(styles.error),
        printable(&failure.message)
    )];
    for cause in &failure.causes {
        lines.push(format!(
            "  {} {}",
            "caused by:".style(styles.aside),
            printable(cause)
        ));
    }
    for problem in &failure.problems {
        lines.push(String::new());
        lines.extend(render_problem(problem, styles));
    }
    lines.push(String::new());
    for hint in &failure.hints {
        lines.push(format!(
            "{} {}",
            "hint:".style(styles.hint),
            printable(hint)
        ));
    }
    let more = match pages::find(failure.code) {
        Some(_) => format!(" (`weft explain {}` tells more)", failure.code),
        None => String::new(),
    };
    lines.push(format!(
        "{} {}{more}",
        "code:".style(styles.aside),
        failure.code
    ));
    lines.push(String::new());
    lines.join("\n")
}

/// The lines of one problem among several, indented.
pub(crate) fn render_problem(problem: &Problem, styles: &Styles) -> Vec<String> {
    let code = printable(&problem.code);
    let subject = printable(&problem.subject);
    let message = printable(&problem.message);
    // Messages mostly name their subject already.
    let text = if subject.is_empty() || message.contains(&subject) {
        message
    } else {
        format!("{subject}: {message}")
    };
    let mut lines = vec![format!("  {}: {text}", code.style(styles.error))];
    for hint in &problem.hints {
        lines.push(format!(
            "    {} {}",
            "hint:".style(styles.hint),
            printable(hint)
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use weft_model::problem::Coded;

    use super::*;
    use crate::status::Status;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read `{0}`")]
    struct Unreadable(&'static str, #[source] std::num::ParseIntError);

    impl Coded for Unreadable {
        fn code(&self) -> &'static str {
            "NET001"
        }

        fn subject(&self) -> String {
            self.0.to_owned()
        }

        fn hints(&self) -> Vec<String> {
            vec!["write it".to_owned()]
        }
    }

    fn failure() -> Failure {
        let error = Unreadable("a.txt", "x".parse::<u8>().unwrap_err());
        Failure::new(Status::Rejected, &error)
    }

    #[test]
    fn a_failure_is_told_from_the_outside_in() {
        assert_eq!(
            render(&failure(), &Styles::default()),
            "error: cannot read `a.txt`\n  \
               caused by: invalid digit found in string\n\
             \n\
             hint: write it\n\
             code: NET001 (`weft explain NET001` tells more)\n"
        );
    }

    #[test]
    fn problems_stand_between_causes_and_hints() {
        let problem = |subject: &str, hints: Vec<String>| Problem {
            code: "ART001".into(),
            subject: subject.to_owned(),
            message: "there is no file `x`\u{1b}[2J".to_owned(),
            hints,
        };
        let failure = failure().with_problems(vec![
            problem("web", vec!["build it".to_owned()]),
            problem("x", Vec::new()),
        ]);
        let text = render(&failure, &Styles::default());
        assert!(
            text.contains(
                "\n\n  ART001: web: there is no file `x` [2J\n    hint: build it\n\n  ART001: there is no file `x` [2J\n\nhint: write it\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn colours_are_there_when_asked_for() {
        assert!(render(&failure(), &Styles::coloured()).starts_with("\u{1b}["));
    }
}
