//! Greets visitors. The words come from the config key `greeting`, in which `{name}` and `{visits}` stand for the visitor:
//! a change of the config changes the next greeting, without a restart.

use bindings::exports::guestbook::greeting::greeter::{
    Greeting, Guest, Mood, Occasion, Problem, Visitor,
};
use bindings::wasi::config::store;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../../wit/config", "../wit"],
        inline: "
            package guestbook:greeter;

            world greeter {
                import wasi:config/store@0.2.0-draft;
                export guestbook:greeting/greeter@0.1.0;
            }
        ",
        world: "guestbook:greeter/greeter",
        generate_all,
    });

    use super::Greeter;
    export!(Greeter);
}

/// The greeting when the config has none.
const DEFAULT_TEMPLATE: &str = "Welcome, {name}! You are visitor number {visits}.";
/// What a visitor is called who has not signed.
const DEFAULT_NAME: &str = "stranger";
/// The most names that one call remarks upon.
const NAMES_MAX: usize = 100;

struct Greeter;

impl Guest for Greeter {
    fn greet(visitor: Visitor) -> Result<Greeting, Problem> {
        let template =
            store::get("greeting").map_err(|error| Problem::Config(error.to_string()))?;
        let template = template.as_deref().unwrap_or(DEFAULT_TEMPLATE);
        let name = visitor.name.as_deref().unwrap_or(DEFAULT_NAME);
        Ok(Greeting {
            text: fill(template, name, visitor.visits),
            mood: mood(&visitor),
        })
    }

    fn remark(names: Vec<String>) -> Result<Vec<Option<String>>, Problem> {
        if names.len() > NAMES_MAX {
            return Err(Problem::TooMany(NAMES_MAX as u32));
        }
        let remarks = names.iter().enumerate().map(|(position, name)| {
            let signed_before = names[position + 1..].contains(name);
            signed_before.then(|| "here again".to_owned())
        });
        Ok(remarks.collect())
    }
}

fn mood(visitor: &Visitor) -> Mood {
    if visitor.occasion.contains(Occasion::MILESTONE) {
        Mood::Festive(format!("{} visits", visitor.visits))
    } else if visitor
        .occasion
        .intersects(Occasion::FIRST_VISIT | Occasion::SIGNED)
    {
        Mood::Cheerful
    } else {
        Mood::Plain
    }
}

/// Puts the visitor into the template, in one pass: what a name contains is never taken for a placeholder.
fn fill(template: &str, name: &str, visits: u64) -> String {
    let mut text = String::with_capacity(template.len() + name.len());
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        text.push_str(&rest[..start]);
        rest = &rest[start..];
        if let Some(after) = rest.strip_prefix("{name}") {
            text.push_str(name);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("{visits}") {
            text.push_str(&visits.to_string());
            rest = after;
        } else {
            text.push('{');
            rest = &rest[1..];
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_other_braces_stay() {
        assert_eq!(
            fill(DEFAULT_TEMPLATE, "Ada", 7),
            "Welcome, Ada! You are visitor number 7."
        );
        assert_eq!(fill("{x} {name}{name} {", "A", 1), "{x} AA {");
        assert_eq!(fill("{name}", "{visits}", 1), "{visits}");
    }

    #[test]
    fn who_signed_before_is_remarked_upon() {
        let names = ["Ada", "Bob", "Ada"].map(str::to_owned).to_vec();
        let remarks = Greeter::remark(names).unwrap();
        assert_eq!(remarks, [Some("here again".to_owned()), None, None]);
        let names = vec![String::new(); NAMES_MAX + 1];
        assert!(matches!(Greeter::remark(names), Err(Problem::TooMany(100))));
    }
}
