//! Texts in Rust, and which of them are given to the database.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{BinOp, Expr, ExprBinary, Lit, Macro, Pat, Path, Token};

/// Macros and functions of sqlx that take a statement.
const QUERIES: [&str; 10] = [
    "query",
    "query_as",
    "query_as_unchecked",
    "query_as_with",
    "query_scalar",
    "query_scalar_unchecked",
    "query_scalar_with",
    "query_unchecked",
    "query_with",
    "raw_sql",
];

/// Whether a macro or function of sqlx takes a statement.
pub(super) fn is_query(path: &Path) -> bool {
    QUERIES.contains(&last_name(path).as_str())
}

/// Whether a macro of sqlx takes the name of a file with a statement.
pub(super) fn is_query_of_file(path: &Path) -> bool {
    last_name(path).starts_with("query_file")
}

fn last_name(path: &Path) -> String {
    path.segments.last().map(|last| last.ident.to_string()).unwrap_or_default()
}

/// A text in one piece: a literal, or literals that are put together when the program is compiled.
pub(super) fn joined(expr: &Expr) -> Option<(String, Span)> {
    match expr {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => Some((text.value(), text.span())),
            _ => None,
        },
        Expr::Paren(inner) => joined(&inner.expr),
        Expr::Group(inner) => joined(&inner.expr),
        Expr::Reference(inner) => joined(&inner.expr),
        Expr::Binary(binary) => added(binary),
        Expr::Macro(invocation) => concatenated(&invocation.mac),
        _ => None,
    }
}

/// `"…" + "…"`, as sqlx takes it.
pub(super) fn added(binary: &ExprBinary) -> Option<(String, Span)> {
    if !matches!(binary.op, BinOp::Add(_)) {
        return None;
    }
    let ((left, span), (right, _)) = (joined(&binary.left)?, joined(&binary.right)?);
    Some((left + &right, span))
}

/// `concat!("…", "…")`.
pub(super) fn concatenated(invocation: &Macro) -> Option<(String, Span)> {
    if !invocation.path.is_ident("concat") {
        return None;
    }
    let parts = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(invocation.tokens.clone()).ok()?;
    let parts: Vec<_> = parts.iter().map(joined).collect::<Option<_>>()?;
    let span = parts.first()?.1;
    Some((parts.into_iter().map(|(text, _)| text).collect(), span))
}

/// What `matches!` is given: a value, a pattern, and a condition.
pub(super) fn matches_arguments(input: ParseStream<'_>) -> syn::Result<(Expr, Pat, Option<Expr>)> {
    let value = input.parse()?;
    input.parse::<Token![,]>()?;
    let pattern = Pat::parse_multi_with_leading_vert(input)?;
    let guard = if input.parse::<Option<Token![if]>>()?.is_some() { Some(input.parse()?) } else { None };
    input.parse::<Option<Token![,]>>()?;
    Ok((value, pattern, guard))
}

/// All texts in tokens that are no expressions.
pub(super) fn in_tokens(tokens: TokenStream) -> Vec<(String, Span)> {
    let mut found = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => found.extend(in_tokens(group.stream())),
            TokenTree::Literal(literal) => {
                if let Lit::Str(text) = Lit::new(literal) {
                    found.push((text.value(), text.span()));
                }
            }
            _ => {}
        }
    }
    found
}
