//! Room for a guest's first allocations, so that they cost no system call.
//!
//! What compilers make begins with a memory that is full, and grows it by a page with the first allocation. In a pool
//! that takes away the access to the page with each reset, this costs two changes of page protection per call: two
//! system calls that exclude each other among all threads, and an interrupt of the other processors. Measured
//! figures stand in `docs/design/engine.md`.
//!
//! So memories get [`HEADROOM_PAGES`] more pages from the start, and the module's `memory.grow` first hands these out:
//! calls of `memory.grow` and `memory.size` become calls of two functions that keep books of them. A module sees what it
//! would see otherwise; only an access beyond its own memory, but within the room, does not trap.

use std::borrow::Cow;
use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, Function, FunctionSection, GlobalSection, GlobalType,
    Instruction, MemorySection, Module, TypeSection, ValType,
};
use wasmparser::{Operator, Parser, Payload, TypeRef};

/// Pages of 64 KiB that a memory has beyond what its module asks for. They count against the memory limit.
const HEADROOM_PAGES: u64 = 4;
/// Names of this rewriting in the keys of the compile cache: code made with another one is not used.
pub(crate) const VERSION: &str = "headroom-1";

/// The most pages of a memory that gets room: 2 GiB.
const PAGES_MAX: u64 = 1 << 15;
/// Length of magic, version and layer.
const HEADER_BYTES: usize = 8;
const CORE_MODULE_SECTION: u8 = 1;
const COMPONENT_SECTION: u8 = 4;
/// Components within components that are looked into.
const DEPTH_MAX: u32 = 16;

/// `component` with headroom in the memories of its modules; as it is where there is nothing to do, or where its form is not
/// as expected, which is for the compiler to judge.
pub(crate) fn add_headroom(component: &[u8]) -> Cow<'_, [u8]> {
    match rewrite_component(component, DEPTH_MAX) {
        Some(rewritten) => Cow::Owned(rewritten),
        None => Cow::Borrowed(component),
    }
}

/// `None` where nothing changes.
fn rewrite_component(component: &[u8], depth: u32) -> Option<Vec<u8>> {
    let depth = depth.checked_sub(1)?;
    let (header, mut rest) = component.split_at_checked(HEADER_BYTES)?;
    let mut out = header.to_vec();
    let mut is_changed = false;
    while let Some((&id, after_id)) = rest.split_first() {
        let (size, after_size) = read_leb(after_id)?;
        let (content, next) = after_size.split_at_checked(size)?;
        let rewritten = match id {
            CORE_MODULE_SECTION => rewrite_module(content),
            COMPONENT_SECTION => rewrite_component(content, depth),
            _ => None,
        };
        is_changed |= rewritten.is_some();
        let content = rewritten.as_deref().unwrap_or(content);
        out.push(id);
        write_leb(&mut out, content.len())?;
        out.extend_from_slice(content);
        rest = next;
    }
    is_changed.then_some(out)
}

fn rewrite_module(module: &[u8]) -> Option<Vec<u8>> {
    let mut rewriting = Rewriting::plan(module)?;
    let mut out = Module::new();
    rewriting
        .parse_core_module(&mut out, Parser::new(0), module)
        .ok()?;
    Some(out.finish())
}

/// How a module is rewritten. What is new is appended to its sections, so that no index changes.
#[derive(Debug)]
struct Rewriting {
    /// Pages of the memory as the module has it.
    pages: u64,
    grow_type: u32,
    size_type: u32,
    grow: u32,
    size: u32,
    /// The global with the pages that the module knows of.
    known: u32,
    /// The global with the pages of the memory when it was last grown here: more, and somebody else did.
    top: u32,
}

// ===== impl Rewriting =====

impl Rewriting {
    /// `None` for modules that are left as they are: those without one plain memory of their own that they grow.
    fn plan(module: &[u8]) -> Option<Self> {
        let mut types = 0;
        let mut functions = 0;
        let mut globals = 0;
        let mut memory = None;
        let (mut grows, mut has_own_functions, mut has_own_globals) = (false, false, false);
        for payload in Parser::new(0).parse_all(module) {
            match payload.ok()? {
                Payload::TypeSection(section) => {
                    for group in section {
                        types += u32::try_from(group.ok()?.types().len()).ok()?;
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        match import.ok()?.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => functions += 1,
                            TypeRef::Global(_) => globals += 1,
                            TypeRef::Memory(_) => return None,
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    functions += section.count();
                    has_own_functions = true;
                }
                Payload::MemorySection(section) => {
                    let mut memories = section.into_iter();
                    memory = Some(memories.next()?.ok()?);
                    if memories.next().is_some() {
                        return None;
                    }
                }
                Payload::GlobalSection(section) => {
                    globals += section.count();
                    has_own_globals = true;
                }
                Payload::CodeSectionEntry(body) if !grows => {
                    let mut operators = body.get_operators_reader().ok()?;
                    while !operators.eof() && !grows {
                        grows = matches!(operators.read().ok()?, Operator::MemoryGrow { .. });
                    }
                }
                // Positions in code, which change.
                Payload::CustomSection(section) if section.name().starts_with("metadata.code.") => {
                    return None;
                }
                _ => {}
            }
        }
        let memory = memory?;
        if memory.memory64 || memory.shared || memory.page_size_log2.is_some() {
            return None;
        }
        // Of a memory of 32 bits, but nobody has checked it yet.
        let with_room = memory.initial.checked_add(HEADROOM_PAGES)?;
        let fits = with_room <= memory.maximum.unwrap_or(PAGES_MAX).min(PAGES_MAX);
        (grows && has_own_functions && has_own_globals && fits).then_some(Self {
            pages: memory.initial,
            grow_type: types,
            size_type: types + 1,
            grow: functions,
            size: functions + 1,
            known: globals,
            top: globals + 1,
        })
    }

    /// `memory.grow`: hands out room, then grows. Where somebody else has grown the memory, what is left of the room stays
    /// unused, as pages that are handed out have to follow each other.
    fn grow_body(&self) -> Function {
        let Self { known, top, .. } = *self;
        // The pages asked for, and those that the memory has to grow by.
        let (pages, missing) = (0, 1);
        let mut body = Function::new([(1, ValType::I32)]);
        for instruction in [
            // Somebody else has grown it: begin anew at its end.
            Instruction::MemorySize(0),
            Instruction::GlobalGet(top),
            Instruction::I32Ne,
            Instruction::If(BlockType::Empty),
            Instruction::MemorySize(0),
            Instruction::GlobalSet(top),
            Instruction::GlobalGet(top),
            Instruction::GlobalSet(known),
            Instruction::End,
            // Within the room?
            Instruction::LocalGet(pages),
            Instruction::GlobalGet(top),
            Instruction::GlobalGet(known),
            Instruction::I32Sub,
            Instruction::I32GtU,
            Instruction::If(BlockType::Empty),
            Instruction::LocalGet(pages),
            Instruction::GlobalGet(top),
            Instruction::GlobalGet(known),
            Instruction::I32Sub,
            Instruction::I32Sub,
            Instruction::LocalTee(missing),
            Instruction::MemoryGrow(0),
            Instruction::I32Const(-1),
            Instruction::I32Eq,
            Instruction::If(BlockType::Empty),
            Instruction::I32Const(-1),
            Instruction::Return,
            Instruction::End,
            Instruction::GlobalGet(top),
            Instruction::LocalGet(missing),
            Instruction::I32Add,
            Instruction::GlobalSet(top),
            Instruction::End,
            Instruction::GlobalGet(known),
            Instruction::GlobalGet(known),
            Instruction::LocalGet(pages),
            Instruction::I32Add,
            Instruction::GlobalSet(known),
            Instruction::End,
        ] {
            body.instruction(&instruction);
        }
        body
    }

    /// `memory.size`: what the module knows of, unless somebody else has grown the memory.
    fn size_body(&self) -> Function {
        let mut body = Function::new([]);
        for instruction in [
            Instruction::GlobalGet(self.known),
            Instruction::MemorySize(0),
            Instruction::MemorySize(0),
            Instruction::GlobalGet(self.top),
            Instruction::I32Eq,
            Instruction::Select,
            Instruction::End,
        ] {
            body.instruction(&instruction);
        }
        body
    }
}

impl Reencode for Rewriting {
    type Error = Infallible;

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_type_section(self, types, section)?;
        types.ty().function([ValType::I32], [ValType::I32]);
        types.ty().function([], [ValType::I32]);
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_function_section(self, functions, section)?;
        functions.function(self.grow_type);
        functions.function(self.size_type);
        Ok(())
    }

    fn parse_memory_section(
        &mut self,
        memories: &mut MemorySection,
        section: wasmparser::MemorySectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        for memory in section {
            let mut memory = self.memory_type(memory?)?;
            memory.minimum += HEADROOM_PAGES;
            memories.memory(memory);
        }
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_global_section(self, globals, section)?;
        for pages in [self.pages, self.pages + HEADROOM_PAGES] {
            let ty = GlobalType {
                val_type: ValType::I32,
                mutable: true,
                shared: false,
            };
            let pages = i32::try_from(pages).expect("`plan` refuses memories of more than 2 GiB");
            globals.global(ty, &ConstExpr::i32_const(pages));
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_code_section(self, code, section)?;
        code.function(&self.grow_body());
        code.function(&self.size_body());
        Ok(())
    }

    fn instruction<'a>(
        &mut self,
        operator: Operator<'a>,
    ) -> Result<Instruction<'a>, Error<Infallible>> {
        match operator {
            Operator::MemoryGrow { .. } => Ok(Instruction::Call(self.grow)),
            Operator::MemorySize { .. } => Ok(Instruction::Call(self.size)),
            other => utils::instruction(self, other),
        }
    }
}

/// A number of up to 32 bits as WebAssembly writes it, and what follows it.
fn read_leb(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut number: u64 = 0;
    for (position, &byte) in bytes.iter().take(5).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            let number = u32::try_from(number).ok()?;
            return Some((usize::try_from(number).ok()?, &bytes[position + 1..]));
        }
    }
    None
}

fn write_leb(out: &mut Vec<u8>, number: usize) -> Option<()> {
    let mut rest = u32::try_from(number).ok()?;
    loop {
        let low = (rest & 0x7f).to_le_bytes()[0];
        rest >>= 7;
        if rest == 0 {
            out.push(low);
            return Some(());
        }
        out.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests;
