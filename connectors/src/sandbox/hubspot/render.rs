//! Turns records into JSON by appending bytes, without building a tree first.

use super::account::PORTAL_ID;
use super::fields::{self, Field};
use super::json::{push_string, push_uint};
use super::record::{Kind, Record};
use super::values::{push_text, push_time};

/// The properties of an answer, looked up once for all its records.
#[derive(Debug)]
pub(super) struct Columns {
    kind: Kind,
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    name: String,
    /// None for a property that records only have where somebody set it.
    field: Option<&'static Field>,
    /// Whether the answer has it even when it has no value: asking for a property that does not exist is no error,
    /// and leaves no trace.
    known: bool,
}

impl Columns {
    /// The properties asked for and those that come unasked, by name.
    pub(super) fn new(kind: Kind, wanted: &[String]) -> Self {
        let always = ["createdate", kind.modified_property(), "hs_object_id"];
        let mut names: Vec<&str> = match wanted {
            [] => fields::usual(kind).to_vec(),
            wanted => wanted.iter().map(String::as_str).chain(always).collect(),
        };
        names.sort_unstable();
        names.dedup();
        let columns = names.into_iter().map(|name| {
            let field = fields::of(kind).find(|(known, _)| *known == name);
            Column { name: name.to_owned(), field, known: field.is_some() }
        });
        Self { kind, columns: columns.collect() }
    }

    /// Appends a record.
    pub(super) fn render(&self, out: &mut Vec<u8>, record: &Record<'_>) {
        out.extend_from_slice(b"{\"id\":\"");
        push_uint(out, record.id);
        out.extend_from_slice(b"\",\"properties\":{");
        let mut first = true;
        for column in &self.columns {
            let set = record.set(&column.name);
            if set.is_none() && !column.known {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            push_string(out, &column.name);
            out.push(b':');
            match (set, column.field) {
                (Some(text), _) => push_text(out, text),
                (None, Some((_, write))) => write(out, record),
                (None, None) => {}
            }
        }
        out.extend_from_slice(b"},\"createdAt\":");
        push_time(out, record.created_ms);
        out.extend_from_slice(b",\"updatedAt\":");
        push_time(out, record.modified_ms);
        match record.archived_ms {
            None => out.extend_from_slice(b",\"archived\":false"),
            Some(at_ms) => {
                out.extend_from_slice(b",\"archived\":true,\"archivedAt\":");
                push_time(out, at_ms);
            }
        }
        out.extend_from_slice(b",\"url\":\"https://app-eu1.hubspot.com/contacts/");
        push_uint(out, PORTAL_ID);
        out.extend_from_slice(b"/record/");
        out.extend_from_slice(self.kind.type_id().as_bytes());
        out.push(b'/');
        push_uint(out, record.id);
        out.extend_from_slice(b"\"}");
    }

    /// Appends records, separated by commas.
    pub(super) fn render_all<'a>(&self, out: &mut Vec<u8>, records: impl IntoIterator<Item = Record<'a>>) {
        for (at, record) in records.into_iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            self.render(out, &record);
        }
    }
}
