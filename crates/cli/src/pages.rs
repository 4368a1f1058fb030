//! The pages of error codes, which are part of the program.

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// A page about an error code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// The code.
    pub(crate) code: &'static str,
    /// The page, in Markdown.
    pub(crate) text: &'static str,
}

/// All pages, in the order of their codes.
pub(crate) fn all() -> &'static [Page] {
    PAGES
}

/// The page of `code`, whose letters may be small.
pub(crate) fn find(code: &str) -> Option<Page> {
    PAGES
        .iter()
        .find(|page| page.code.eq_ignore_ascii_case(code))
        .copied()
}

// ===== impl Page =====

impl Page {
    /// The title without the code.
    pub(crate) fn title(&self) -> &'static str {
        let line = self.text.lines().next().unwrap_or_default();
        line.split_once(": ").map_or(line, |(_, title)| title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_is_there_under_its_code() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
        let files = std::fs::read_dir(directory).unwrap();
        let mut codes: Vec<String> = files
            .map(|file| file.unwrap().path())
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
            .collect();
        codes.sort();
        assert_eq!(
            codes,
            all().iter().map(|page| page.code).collect::<Vec<_>>()
        );
        for page in all() {
            assert!(
                page.text.starts_with(&format!("# {}: ", page.code)),
                "{}",
                page.code
            );
            assert!(!page.title().is_empty(), "{}", page.code);
        }
    }

    #[test]
    fn a_page_is_found_by_its_code_in_any_case() {
        assert_eq!(find("net001").unwrap().title(), "no NATS server answers");
        assert!(find("NET999").is_none());
    }
}
