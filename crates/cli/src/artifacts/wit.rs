//! The WIT of components, as text.

use wit_component::{DecodedWasm, OutputToString, WitPrinter, decode};

/// The world of a component alone; `None` when it cannot be decoded.
pub(crate) fn print_world(bytes: &[u8]) -> Option<String> {
    print(bytes, false)
}

/// The world of a component with all packages that it is about; `None` when it cannot be decoded.
pub(crate) fn print_package(bytes: &[u8]) -> Option<String> {
    print(bytes, true)
}

fn print(bytes: &[u8], with_others: bool) -> Option<String> {
    let decoded: DecodedWasm = decode(bytes).ok()?;
    let (resolve, main) = (decoded.resolve(), decoded.package());
    let others: Vec<_> = resolve
        .packages
        .iter()
        .map(|(id, _)| id)
        .filter(|&id| with_others && id != main)
        .collect();
    let mut parts = Vec::with_capacity(others.len() + 1);
    for (number, id) in std::iter::once(main).chain(others).enumerate() {
        let mut printer: WitPrinter<OutputToString> = WitPrinter::default();
        // The first is what it is about; the others stand behind it, each in braces.
        printer.print_package(resolve, id, number == 0).ok()?;
        parts.push(printer.output.to_string().trim_end().to_owned() + "\n");
    }
    Some(parts.join("\n"))
}
