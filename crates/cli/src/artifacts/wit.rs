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
    let mut printer: WitPrinter<OutputToString> = WitPrinter::default();
    printer.print(resolve, main, &others).ok()?;
    Some(printer.output.to_string())
}
