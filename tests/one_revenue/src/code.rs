//! What Rust does with statuses and amounts, and the SQL that is written in it.
//!
//! A status in a pattern, beside `==` or before a method is read. A status anywhere else is made, as a normaliser does
//! of a vendor's word, which is allowed everywhere.

mod literals;
mod tests_left_out;
mod values;

use std::collections::BTreeSet;

use proc_macro2::Span;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Expr, Macro, Pat, Token};

use crate::finding::{Finding, Kind};
use crate::sql::{Origin, Text};
pub(crate) use tests_left_out::test_modules;
use values::Values;

/// A file of Rust, parsed.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) syntax: syn::File,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) findings: BTreeSet<Finding>,
    pub(crate) sql: Vec<Text>,
    /// Files that are given to the database, as the program names them, and the line that names each.
    pub(crate) files: Vec<(String, usize)>,
}

/// Methods that add what they are called on to what they are given.
const ADDING: [&str; 11] = [
    "add",
    "add_assign",
    "sub",
    "sub_assign",
    "checked_add",
    "checked_sub",
    "saturating_add",
    "saturating_sub",
    "wrapping_add",
    "wrapping_sub",
    "overflowing_add",
];

/// Methods that make one value of many.
const FOLDING: [&str; 7] = ["sum", "product", "fold", "try_fold", "rfold", "reduce", "try_reduce"];

/// Methods that compare what they are given.
const COMPARING: [&str; 3] = ["eq", "ne", "contains"];

pub(crate) fn look(file: &File) -> Seen {
    let mut reader = Reader { path: &file.path, seen: Seen::default(), values: Values::of(&file.syntax) };
    reader.visit_file(&file.syntax);
    reader.seen
}

struct Reader<'a> {
    path: &'a str,
    seen: Seen,
    values: Values,
}

impl Reader<'_> {
    fn find(&mut self, span: Span, kind: Kind) {
        let finding = Finding { path: self.path.to_owned(), line: span.start().line, kind };
        self.seen.findings.insert(finding);
    }

    /// A place where a value is read: every status in it.
    fn read(&mut self, expr: &Expr) {
        for (span, kind) in self.values.statuses(expr) {
            self.find(span, kind);
        }
    }

    fn text(&mut self, (sql, span): (String, Span), origin: Origin) {
        self.seen.sql.push(Text { path: self.path.to_owned(), line: span.start().line, sql, origin });
    }

    /// What the database is given: the arguments that are texts, each in one piece.
    fn queries<'e>(&mut self, arguments: impl IntoIterator<Item = &'e Expr>) {
        for argument in arguments {
            match literals::joined(argument) {
                Some(text) => self.text(text, Origin::Query),
                None => self.visit_expr(argument),
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !tests_left_out::is_test(item) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let outside = self.values.enter_impl(item);
        visit::visit_item_impl(self, item);
        self.values.leave_impl(outside);
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        let outside = self.values.names();
        visit::visit_block(self, block);
        self.values.forget_names(outside);
    }

    fn visit_local(&mut self, local: &'ast syn::Local) {
        visit::visit_local(self, local);
        if let (Pat::Ident(name), Some(init)) = (&local.pat, &local.init)
            && self.values.is_amount(&init.expr)
        {
            self.values.name(&name.ident);
        }
    }

    fn visit_field_pat(&mut self, field: &'ast syn::FieldPat) {
        self.values.name_field(field);
        visit::visit_field_pat(self, field);
    }

    fn visit_pat(&mut self, pattern: &'ast Pat) {
        match pattern {
            Pat::Path(path) => {
                if let Some(kind) = self.values.status(&path.path) {
                    self.find(values::span_of(&path.path), kind);
                }
            }
            Pat::Lit(literal) => {
                if let Some(span) = values::word(&literal.lit) {
                    self.find(span, Kind::Status);
                }
            }
            _ => {}
        }
        visit::visit_pat(self, pattern);
    }

    fn visit_use_tree(&mut self, tree: &'ast syn::UseTree) {
        for span in values::imported_statuses(tree) {
            // Without the name of the type a status can't be told from a binding.
            self.find(span, Kind::Unreadable);
        }
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        if let Some(text) = literals::added(binary) {
            return self.text(text, Origin::Literal);
        }
        for side in [&*binary.left, &*binary.right] {
            match binary.op {
                BinOp::Eq(_) | BinOp::Ne(_) => self.read(side),
                BinOp::Add(_) | BinOp::Sub(_) | BinOp::AddAssign(_) | BinOp::SubAssign(_)
                    if self.values.is_amount(side) =>
                {
                    self.find(side.span(), Kind::Sum);
                }
                _ => {}
            }
        }
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        let method = call.method.to_string();
        let method = method.as_str();
        self.read_receiver(&call.receiver);
        if COMPARING.contains(&method) {
            call.args.iter().for_each(|argument| self.read(argument));
        }
        let mut sides = std::iter::once(&*call.receiver).chain(&call.args);
        let adds = ADDING.contains(&method) && sides.clone().any(|side| self.values.is_amount(side));
        let folds = FOLDING.contains(&method) && sides.any(|side| self.values.has_amount(side));
        if adds || folds {
            self.find(call.method.span(), Kind::Sum);
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let Expr::Path(function) = &*call.func {
            let name = function.path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default();
            if FOLDING.contains(&name.as_str()) && call.args.iter().any(|side| self.values.has_amount(side)) {
                self.find(values::span_of(&function.path), Kind::Sum);
            }
            if literals::is_query(&function.path) {
                return self.queries(&call.args);
            }
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        self.text((literal.value(), literal.span()), Origin::Literal);
    }

    fn visit_macro(&mut self, invocation: &'ast Macro) {
        let tokens = || invocation.tokens.clone();
        if invocation.path.is_ident("matches") {
            let parsed = literals::matches_arguments.parse2(tokens());
            if let Ok((value, pattern, guard)) = parsed {
                self.visit_expr(&value);
                self.visit_pat(&pattern);
                return guard.iter().for_each(|guard| self.visit_expr(guard));
            }
        }
        match Punctuated::<Expr, Token![,]>::parse_terminated.parse2(tokens()) {
            Ok(arguments) if literals::is_query(&invocation.path) => self.queries(&arguments),
            Ok(arguments) if literals::is_query_of_file(&invocation.path) => {
                let named = arguments.iter().find_map(literals::joined);
                self.seen.files.extend(named.map(|(name, span)| (name, span.start().line)));
                arguments.iter().for_each(|argument| self.visit_expr(argument));
            }
            Ok(arguments) => match literals::concatenated(invocation) {
                Some(text) => self.text(text, Origin::Literal),
                None => arguments.iter().for_each(|argument| self.visit_expr(argument)),
            },
            Err(_) => {
                for text in literals::in_tokens(tokens()) {
                    self.text(text, Origin::Literal);
                }
                if let Some(span) = values::named_in(tokens()) {
                    self.find(span, Kind::Unreadable);
                }
            }
        }
    }
}

impl Reader<'_> {
    /// A status that a method is called on is about to be compared or bound to a statement.
    fn read_receiver(&mut self, receiver: &Expr) {
        match receiver {
            Expr::Path(_) | Expr::Array(_) | Expr::Paren(_) | Expr::Reference(_) => self.read(receiver),
            _ => {}
        }
    }
}
