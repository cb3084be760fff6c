//! Which names of a statement stand for payments: those of other tables do not, and a column may have been renamed.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    Cte, Expr, FunctionArguments, Ident, ObjectName, Query, Select, SelectItem, Statement, TableFactor,
    Visit, Visitor, visit_expressions,
};

use crate::amounts;

#[derive(Debug, Default)]
pub(super) struct Names {
    /// Qualifiers that stand for payments, or for what a query made of them.
    ours: BTreeSet<String>,
    /// Qualifiers that stand for other tables, or for parameters.
    foreign: BTreeSet<String>,
    statuses: BTreeSet<String>,
    amounts: BTreeSet<String>,
    /// Whether rows of a table are read that holds sums.
    pub(super) reads_sums: bool,
}

impl Names {
    pub(super) fn of(statement: &Statement) -> Self {
        let mut names = Self::default();
        // The row that an upsert was about to write.
        names.foreign.insert("excluded".to_owned());
        // A name may be given before it is known what it is given to, so twice.
        for _ in 0..2 {
            let _: ControlFlow<()> = statement.visit(&mut names);
        }
        names
    }

    /// Whether a qualified column is that of another table.
    pub(super) fn is_foreign(&self, parts: &[Ident]) -> bool {
        let Some(qualifier) = parts.len().checked_sub(2).and_then(|nth| parts.get(nth)) else { return false };
        let qualifier = qualifier.value.to_lowercase();
        self.foreign.contains(&qualifier) && !self.ours.contains(&qualifier)
    }

    /// Whether all columns that a function is given are those of other tables, and there is one.
    pub(super) fn all_foreign(&self, arguments: &FunctionArguments) -> bool {
        let mut columns = 0;
        let ours = visit_expressions(arguments, |expr| match expr {
            Expr::Identifier(_) => ControlFlow::Break(()),
            Expr::CompoundIdentifier(parts) if !self.is_foreign(parts) => ControlFlow::Break(()),
            Expr::CompoundIdentifier(_) => {
                columns += 1;
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Continue(()),
        });
        ours.is_continue() && columns > 0
    }

    pub(super) fn is_status(&self, column: &str) -> bool {
        let column = column.to_lowercase();
        column == "status" || self.statuses.contains(&column)
    }

    pub(super) fn is_amount(&self, column: &str) -> bool {
        amounts::is_figure(column) || self.amounts.contains(&column.to_lowercase())
    }

    fn table(&mut self, name: &ObjectName, alias: Option<&Ident>) {
        let Some(table) = name.0.last().and_then(|part| part.as_ident()) else { return };
        let called = alias.unwrap_or(table).value.to_lowercase();
        self.reads_sums |= amounts::is_made_of_payments(&table.value);
        let of_query = self.ours.contains(&table.value.to_lowercase());
        let side =
            if amounts::is_table(&table.value) || of_query { &mut self.ours } else { &mut self.foreign };
        side.insert(called);
    }
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for Cte { alias, .. } in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.ours.insert(alias.name.value.to_lowercase());
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        for item in &select.projection {
            let SelectItem::ExprWithAlias { expr, alias } = item else { continue };
            let mut expr = expr;
            while let Expr::Cast { expr: inner, .. } | Expr::Nested(inner) = expr {
                expr = inner;
            }
            let column = match expr {
                Expr::Identifier(ident) => ident,
                Expr::CompoundIdentifier(parts) if !self.is_foreign(parts) => match parts.last() {
                    Some(ident) => ident,
                    None => continue,
                },
                _ => continue,
            };
            if self.is_status(&column.value) {
                self.statuses.insert(alias.value.to_lowercase());
            }
            if self.is_amount(&column.value) {
                self.amounts.insert(alias.value.to_lowercase());
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                self.table(name, alias.as_ref().map(|alias| &alias.name));
            }
            // Rows of a function are what was given to it.
            TableFactor::Table { alias: Some(alias), .. }
            | TableFactor::Function { alias: Some(alias), .. }
            | TableFactor::UNNEST { alias: Some(alias), .. } => {
                self.foreign.insert(alias.name.value.to_lowercase());
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}
