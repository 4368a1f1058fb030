//! The page, and the pages that are shown instead of it. Whatever comes from outside is escaped.

use crate::bindings::guestbook::greeting::greeter::{Greeting, Mood};
use crate::entry::Entry;
use crate::failure::Failure;
use crate::http::Response;

const STYLE: &str = "\
body{font:1.1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem}\
form{display:grid;gap:.5rem;margin:2rem 0}input,textarea,button{font:inherit;padding:.4rem}\
article{border-left:.2rem solid #8ac;padding-left:1rem;margin:1rem 0}article p{white-space:pre-wrap;margin:.2rem 0}\
small{color:#666}.cheerful h1{color:#084}.festive h1{color:#a06}";

const FORM: &str = r#"<form method="post" action="/sign">
<input name="name" placeholder="Your name" maxlength="50" required>
<textarea name="message" placeholder="Your message" maxlength="500" rows="3" required></textarea>
<button>Sign the book</button>
</form>"#;

/// The guest book. There is a remark, or none, for each entry.
pub(crate) fn show(
    greeting: &Greeting,
    visits: u64,
    entries: &[Entry],
    remarks: &[Option<String>],
) -> Response {
    let (class, reason) = match &greeting.mood {
        Mood::Plain => ("plain", ""),
        Mood::Cheerful => ("cheerful", ""),
        Mood::Festive(reason) => ("festive", reason.as_str()),
    };
    let mut main = format!("<h1>{}</h1>\n", escape(&greeting.text));
    if !reason.is_empty() {
        main.push_str(&format!("<p>We celebrate: {}</p>\n", escape(reason)));
    }
    main.push_str(&format!("<p><small>visits: {visits}</small></p>\n{FORM}\n"));
    let no_remark = None;
    for (position, entry) in entries.iter().enumerate() {
        let remark = remarks.get(position).unwrap_or(&no_remark);
        main.push_str(&article(entry, remark.as_deref()));
    }
    Response::html(200, document("Guest book", class, &main))
}

/// The page when something that it depends on failed.
pub(crate) fn failure(failure: &Failure) -> Response {
    let text = format!("The guest book cannot be shown: {failure}.");
    message(502, "Out of order", &text)
}

/// The page for what a visitor sent and the book does not take.
pub(crate) fn rejected(status: u16, reason: &str) -> Response {
    message(
        status,
        "Not signed",
        &format!("This could not be entered: {reason}."),
    )
}

/// The page for paths that there are not.
pub(crate) fn not_found() -> Response {
    message(404, "Not found", "There is no such page.")
}

/// The page for methods that a path does not have.
pub(crate) fn wrong_method(allowed: &str) -> Response {
    let text = format!("This page understands {allowed}.");
    message(405, "Not so", &text).with_header("allow", allowed.to_owned())
}

fn message(status: u16, title: &str, text: &str) -> Response {
    let main = format!(
        "<h1>{}</h1>\n<p>{}</p>\n<p><a href=\"/\">To the guest book</a></p>\n",
        escape(title),
        escape(text)
    );
    Response::html(status, document(title, "plain", &main))
}

fn article(entry: &Entry, remark: Option<&str>) -> String {
    let remark = remark
        .map(|remark| format!(" ({})", escape(remark)))
        .unwrap_or_default();
    format!(
        "<article><p>{}</p><small>{}{remark}, {}</small></article>\n",
        escape(&entry.message),
        escape(&entry.name),
        render_time(entry.signed_at)
    )
}

fn document(title: &str, class: &str, main: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <title>{}</title><style>{STYLE}</style></head>\n<body class=\"{class}\">\n{main}</body>\n</html>\n",
        escape(title)
    )
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A time as people write it, in UTC: `2026-11-20 21:53`.
fn render_time(seconds: u64) -> String {
    let (days, minutes) = (seconds / 86_400, seconds / 60 % 1_440);
    // Days are counted from the first of March of the year 0, in cycles of 400 years, so that leap days come last.
    let days = days + 719_468;
    let (cycle, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = cycle * 400 + year + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02} UTC",
        minutes / 60,
        minutes % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_visitors_wrote_is_escaped() {
        let entry = Entry {
            name: "<b>".to_owned(),
            message: "\"><script>'&".to_owned(),
            signed_at: 0,
        };
        let article = article(&entry, Some("<i>"));
        assert!(
            article.contains("&quot;&gt;&lt;script&gt;&#39;&amp;"),
            "{article}"
        );
        assert!(article.contains("&lt;b&gt; (&lt;i&gt;)"), "{article}");
    }

    #[test]
    fn times_are_rendered_in_utc() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_827_696, "2000-02-29 12:34 UTC"),
            (1_735_689_599, "2024-12-31 23:59 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(render_time(seconds), text);
        }
    }
}
