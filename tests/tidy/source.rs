//! What Rust code may not hold: long functions, ignored tests, silenced lints, inline modules with banned names.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Signature};

use crate::{assert_none, files, names};

const FUNCTION_LINES: usize = 70;

/// Collects the violations of one file.
struct Reader {
    file: String,
    violations: Vec<String>,
}

impl Reader {
    fn violation(&mut self, place: Span, rule: &str) {
        self.violations.push(format!("{}:{}: {rule}", self.file, place.start().line));
    }

    fn function(&mut self, signature: &Signature, block: &Block) {
        let lines = block.span().end().line - signature.span().start().line + 1;
        if lines > FUNCTION_LINES {
            let name = &signature.ident;
            self.violation(signature.span(), &format!("{name} has {lines} lines, more than {FUNCTION_LINES}"));
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if names::has_banned_word(&item.ident.to_string()) {
            self.violation(item.span(), &format!("a module may not be named {}", item.ident));
        }
        visit::visit_item_mod(self, item);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        let path = attribute.path();
        if path.is_ident("ignore") {
            self.violation(attribute.span(), "a test may not be ignored");
        }
        if path.is_ident("allow") {
            self.violation(attribute.span(), "a lint is silenced with expect and a reason, not with allow");
        }
    }
}

fn violations(file: &str, text: &str) -> Vec<String> {
    let mut reader = Reader { file: file.to_owned(), violations: Vec::new() };
    match syn::parse_file(text) {
        Ok(parsed) => reader.visit_file(&parsed),
        Err(error) => reader.violation(error.span(), &format!("is not Rust: {error}")),
    }
    reader.violations
}

#[test]
fn functions_are_short_tests_run_and_lints_hold() {
    let all = files::rust();
    assert_none(all.iter().flat_map(|(file, text)| violations(&file.to_string_lossy(), text)).collect());
}

#[test]
fn a_function_is_measured_from_its_signature_to_its_closing_brace() {
    let function = |lines: usize| format!("/// One.\n/// Two.\nfn f() {{\n{}}}\n", "    g();\n".repeat(lines - 2));
    assert_eq!(violations("a.rs", &function(FUNCTION_LINES)), Vec::<String>::new());
    let long = function(FUNCTION_LINES + 1);
    assert_eq!(violations("a.rs", &long), ["a.rs:3: f has 71 lines, more than 70"]);
    for outer in ["impl A", "impl B for A", "trait C", "mod d"] {
        assert_eq!(violations("a.rs", &format!("{outer} {{\n{long}}}")), ["a.rs:4: f has 71 lines, more than 70"]);
    }
}

#[test]
fn ignored_tests_and_allowed_lints_are_seen_wherever_they_stand() {
    for bad in ["#[ignore]\nfn f() {}", "#[ignore = \"slow\"]\nfn f() {}", "mod a {\n#[test]\n#[ignore]\nfn f() {}\n}"]
    {
        assert_eq!(violations("a.rs", bad).len(), 1, "{bad}");
    }
    for bad in ["#![allow(dead_code)]", "#[allow(unused)]\nfn f() {}", "fn f() {\n#[allow(unused)]\nlet a = 1;\n}"] {
        assert_eq!(violations("a.rs", bad).len(), 1, "{bad}");
    }
    assert_eq!(violations("a.rs", "#[expect(dead_code, reason = \"r\")]\nfn f() {}"), Vec::<String>::new());
    assert_eq!(violations("a.rs", "// #[ignore]\nfn f() { g(\"#[allow(x)]\") }"), Vec::<String>::new());
}

#[test]
fn an_inline_module_with_a_banned_name_is_seen() {
    assert_eq!(violations("a.rs", "mod helpers {}"), ["a.rs:1: a module may not be named helpers"]);
}
