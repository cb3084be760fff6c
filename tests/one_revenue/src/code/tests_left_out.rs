//! Which items and files are there for tests alone.

use std::path::{Path, PathBuf};

use syn::{Attribute, Expr, Item, Lit, Meta};

/// Whether an item is compiled for tests only.
pub(super) fn is_test(item: &Item) -> bool {
    let attributes = match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(is_cfg_test)
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    let Meta::List(list) = &attribute.meta else { return false };
    list.path.is_ident("cfg") && list.tokens.to_string() == "test"
}

/// The files of modules that a file declares for tests only: both places where each may be.
pub(crate) fn test_modules(path: &Path, syntax: &syn::File) -> Vec<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let stem = path.file_stem().unwrap_or_default();
    let own = ["mod", "lib", "main"].iter().any(|name| stem == *name);
    let below = if own { folder.to_owned() } else { folder.join(stem) };
    let mut found = Vec::new();
    for item in &syntax.items {
        let Item::Mod(module) = item else { continue };
        if module.content.is_some() || !is_test(item) {
            continue;
        }
        match module.attrs.iter().find_map(named_path) {
            Some(named) => found.push(folder.join(named)),
            None => {
                found.push(below.join(format!("{}.rs", module.ident)));
                found.push(below.join(module.ident.to_string()).join("mod.rs"));
            }
        }
    }
    found
}

fn named_path(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    match &pair.value {
        Expr::Lit(value) if pair.path.is_ident("path") => match &value.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}
