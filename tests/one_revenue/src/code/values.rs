//! Which expressions of Rust are statuses of payments, and which are amounts.

use std::collections::BTreeSet;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Expr, FieldPat, Ident, ItemImpl, Lit, Member, Pat, Path, Type, UseTree};

use crate::amounts;
use crate::finding::Kind;

const TYPE: &str = "PaymentStatus";

/// What names mean at some place of a file.
pub(super) struct Values {
    /// What the type of statuses is called in this file.
    types: BTreeSet<String>,
    /// Bindings that hold an amount.
    bound: BTreeSet<String>,
}

impl Values {
    pub(super) fn of(file: &syn::File) -> Self {
        let mut aliases = Aliases(BTreeSet::from([TYPE.to_owned()]));
        aliases.visit_file(file);
        Self { types: aliases.0, bound: BTreeSet::new() }
    }

    /// Makes `Self` the type of statuses where it is; returns whether it was before.
    pub(super) fn enter_impl(&mut self, item: &ItemImpl) -> bool {
        let was = self.types.remove("Self");
        let Type::Path(of) = &*item.self_ty else { return was };
        if of.path.segments.last().is_some_and(|last| self.types.contains(&last.ident.to_string())) {
            self.types.insert("Self".to_owned());
        }
        was
    }

    pub(super) fn leave_impl(&mut self, was: bool) {
        self.types.remove("Self");
        if was {
            self.types.insert("Self".to_owned());
        }
    }

    pub(super) fn names(&self) -> BTreeSet<String> {
        self.bound.clone()
    }

    pub(super) fn forget_names(&mut self, names: BTreeSet<String>) {
        self.bound = names;
    }

    /// Notes that a binding holds an amount.
    pub(super) fn name(&mut self, binding: &Ident) {
        self.bound.insert(binding.to_string());
    }

    /// Notes what a field with an amount is bound to.
    pub(super) fn name_field(&mut self, field: &FieldPat) {
        if let (Member::Named(member), Pat::Ident(binding)) = (&field.member, &*field.pat)
            && amounts::is_figure(&member.to_string())
        {
            self.name(&binding.ident);
        }
    }

    /// What it is to read this path, if it is a status.
    pub(super) fn status(&self, path: &Path) -> Option<Kind> {
        let mut last = path.segments.iter().rev();
        let (variant, of) = (last.next()?, last.next()?);
        let variant = variant.ident.to_string();
        let is_variant = variant.starts_with(char::is_uppercase) && !variant.chars().all(char::is_uppercase);
        if !is_variant || !self.types.contains(&of.ident.to_string()) {
            return None;
        }
        Some(if variant == "Unknown" { Kind::Unmapped } else { Kind::Status })
    }

    /// The statuses that an expression is, or lists.
    pub(super) fn statuses(&self, expr: &Expr) -> Vec<(Span, Kind)> {
        match expr {
            Expr::Path(path) => {
                self.status(&path.path).map(|kind| (span_of(&path.path), kind)).into_iter().collect()
            }
            Expr::Lit(literal) => word(&literal.lit).map(|span| (span, Kind::Status)).into_iter().collect(),
            Expr::Reference(inner) => self.statuses(&inner.expr),
            Expr::Paren(inner) => self.statuses(&inner.expr),
            Expr::Unary(inner) => self.statuses(&inner.expr),
            Expr::Array(array) => array.elems.iter().flat_map(|one| self.statuses(one)).collect(),
            Expr::Tuple(tuple) => tuple.elems.iter().flat_map(|one| self.statuses(one)).collect(),
            // `Some(PaymentStatus::Collected)`
            Expr::Call(call) => call.args.iter().flat_map(|one| self.statuses(one)).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether an expression is an amount, in whatever type.
    pub(super) fn is_amount(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Field(field) => match &field.member {
                Member::Named(name) => amounts::is_figure(&name.to_string()),
                Member::Unnamed(_) => false,
            },
            Expr::Path(path) => path.path.get_ident().is_some_and(|name| {
                let name = name.to_string();
                amounts::is_amount(&name) || self.bound.contains(&name)
            }),
            Expr::MethodCall(call) => {
                let method = call.method.to_string();
                method == "net" && call.args.is_empty()
                    || ["into", "clone", "to_owned", "unwrap_or_default", "unwrap_or", "abs"]
                        .contains(&method.as_str())
                        && self.is_amount(&call.receiver)
            }
            // `i128::from(payment.amount_minor)`
            Expr::Call(call) => {
                call.args.len() == 1 && call.args.iter().all(|argument| self.is_amount(argument))
            }
            Expr::Cast(inner) => self.is_amount(&inner.expr),
            Expr::Group(inner) => self.is_amount(&inner.expr),
            Expr::Paren(inner) => self.is_amount(&inner.expr),
            Expr::Reference(inner) => self.is_amount(&inner.expr),
            Expr::Try(inner) => self.is_amount(&inner.expr),
            Expr::Unary(inner) => self.is_amount(&inner.expr),
            _ => false,
        }
    }

    /// Whether there is an amount anywhere in an expression.
    pub(super) fn has_amount(&self, expr: &Expr) -> bool {
        let mut search = Search { values: self, found: false };
        search.visit_expr(expr);
        search.found
    }
}

struct Search<'a> {
    values: &'a Values,
    found: bool,
}

impl<'ast> Visit<'ast> for Search<'_> {
    fn visit_expr(&mut self, expr: &'ast Expr) {
        self.found = self.found || self.values.is_amount(expr);
        visit::visit_expr(self, expr);
    }
}

/// Other names of the type of statuses.
struct Aliases(BTreeSet<String>);

impl<'ast> Visit<'ast> for Aliases {
    fn visit_use_rename(&mut self, rename: &'ast syn::UseRename) {
        if rename.ident == TYPE {
            self.0.insert(rename.rename.to_string());
        }
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        if let Type::Path(of) = &*item.ty
            && of.path.segments.last().is_some_and(|last| last.ident == TYPE)
        {
            self.0.insert(item.ident.to_string());
        }
    }
}

/// Where variants are imported without their type.
pub(super) fn imported_statuses(tree: &UseTree) -> Vec<Span> {
    match tree {
        UseTree::Path(path) if path.ident == TYPE => vec![path.ident.span()],
        UseTree::Path(path) => imported_statuses(&path.tree),
        UseTree::Group(group) => group.items.iter().flat_map(imported_statuses).collect(),
        _ => Vec::new(),
    }
}

/// The status of a payment, written as it is in tables.
pub(super) fn word(literal: &Lit) -> Option<Span> {
    match literal {
        Lit::Str(text) if amounts::is_status(&text.value()) => Some(text.span()),
        _ => None,
    }
}

/// Where tokens that are no expressions name a status or an amount.
pub(super) fn named_in(tokens: TokenStream) -> Option<Span> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Group(group) => named_in(group.stream()),
        TokenTree::Ident(ident) if ident == TYPE || amounts::is_amount(&ident.to_string()) => {
            Some(ident.span())
        }
        _ => None,
    })
}

pub(super) fn span_of(path: &Path) -> Span {
    path.segments.last().map_or_else(Span::call_site, |last| last.ident.span())
}
