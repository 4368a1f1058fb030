//! How things are said: numbers, times, lists and tables, each in one way.

mod style;
mod table;
mod text;

pub(crate) use style::Styles;
pub(crate) use table::Table;
pub(crate) use text::{
    count, join_words, nearest, printable, printable_line, render_bytes, render_elapsed,
    render_pairs, render_time, render_uptime, shorten, without_user,
};
