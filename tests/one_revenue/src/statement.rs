//! What one statement of SQL does with statuses and amounts.
//!
//! To name a column is to pass it on, which is allowed; to compare it, to group by it or to give it to a function is to
//! decide by it. What is qualified by another table is that table's.

mod names;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, GroupByExpr, Ident, Query, Select, SelectItem, Statement, Value, Visit,
    Visitor,
};

use crate::amounts;
use crate::finding::Kind;
use names::Names;

/// Functions that add up what they are given, whatever it is called.
const SUMS: [&str; 8] =
    ["sum", "avg", "stddev", "stddev_pop", "stddev_samp", "variance", "var_pop", "var_samp"];

/// Functions that make one value of many rows.
const AGGREGATES: [&str; 6] = ["min", "max", "mode", "percentile_cont", "percentile_disc", "array_agg"];

/// Functions that pass on what they are given.
const PASSING: [&str; 6] =
    ["coalesce", "to_json", "to_jsonb", "json_build_object", "jsonb_build_object", "row_to_json"];

/// What a statement does, by line of the statement.
pub(crate) fn look(statement: &Statement) -> BTreeSet<(usize, Kind)> {
    // They say what may be in a table, and nothing of what is.
    if matches!(
        statement,
        Statement::CreateTable(_)
            | Statement::CreateIndex(_)
            | Statement::AlterTable(_)
            | Statement::Comment { .. }
    ) {
        return BTreeSet::new();
    }
    let mut looking = Looking {
        names: Names::of(statement),
        found: BTreeSet::new(),
        around: Around::default(),
        outside: Vec::new(),
        line: 1,
    };
    let _: ControlFlow<()> = statement.visit(&mut looking);
    looking.found
}

/// What is around an expression, within its own query.
#[derive(Debug, Default, Clone, Copy)]
struct Around {
    deciding: usize,
    adding: usize,
    unmapped: usize,
}

struct Looking {
    names: Names,
    found: BTreeSet<(usize, Kind)>,
    around: Around,
    /// What is around the queries that this one is in.
    outside: Vec<Around>,
    /// The line of the newest name, since not every node knows its own.
    line: usize,
}

impl Looking {
    fn find(&mut self, kind: Kind) {
        self.found.insert((self.line, kind));
    }

    fn column(&mut self, ident: &Ident) {
        if let Ok(line @ 1..) = usize::try_from(ident.span.start.line) {
            self.line = line;
        }
        if self.around.deciding > 0 && self.around.unmapped == 0 && self.names.is_status(&ident.value) {
            self.find(Kind::Status);
        }
        if (self.around.adding > 0 || self.names.reads_sums) && self.names.is_amount(&ident.value) {
            self.find(Kind::Sum);
        }
    }

    fn function(&mut self, function: &Function) {
        let Some(name) = function.name.0.last().and_then(|part| part.as_ident()) else { return };
        if let Ok(line @ 1..) = usize::try_from(name.span.start.line) {
            self.line = line;
        }
        let adds = SUMS.contains(&name.value.to_lowercase().as_str());
        if adds && !self.names.all_foreign(&function.args) {
            self.find(Kind::Sum);
        }
    }
}

impl Visitor for Looking {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.outside.push(std::mem::take(&mut self.around));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.around = self.outside.pop().unwrap_or_default();
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let all =
            |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
        if self.names.reads_sums && select.projection.iter().any(all) {
            self.find(Kind::Sum);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_group_by(&mut self, _: &GroupByExpr) -> ControlFlow<()> {
        self.around.deciding += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_group_by(&mut self, _: &GroupByExpr) -> ControlFlow<()> {
        self.around.deciding -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if asks_for_unknown(expr, &self.names) {
            self.around.unmapped += 1;
            self.line = line_of(expr).unwrap_or(self.line);
            self.find(Kind::Unmapped);
        }
        self.around.deciding += usize::from(decides(expr));
        self.around.adding += usize::from(adds(expr));
        match expr {
            Expr::Identifier(ident) => self.column(ident),
            Expr::CompoundIdentifier(parts) if !self.names.is_foreign(parts) => {
                if let Some(last) = parts.last() {
                    self.column(last);
                }
            }
            Expr::Value(value) if self.around.deciding > 0 => match &value.value {
                // `status` is the field of a row that was made JSON.
                Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text)
                    if amounts::is_status(text) || text == "status" =>
                {
                    self.find(Kind::Status);
                }
                _ => {}
            },
            Expr::Function(function) => self.function(function),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.around.unmapped -= usize::from(asks_for_unknown(expr, &self.names));
        self.around.deciding -= usize::from(decides(expr));
        self.around.adding -= usize::from(adds(expr));
        ControlFlow::Continue(())
    }
}

fn decides(expr: &Expr) -> bool {
    use BinaryOperator as Op;
    match expr {
        Expr::BinaryOp { op, .. } => !matches!(
            op,
            Op::And
                | Op::Or
                | Op::StringConcat
                | Op::Arrow
                | Op::LongArrow
                | Op::HashArrow
                | Op::HashLongArrow
        ),
        Expr::Function(function) => !is_one_of(function, &PASSING),
        Expr::IsDistinctFrom(..)
        | Expr::IsNotDistinctFrom(..)
        | Expr::InList { .. }
        | Expr::InSubquery { .. }
        | Expr::InUnnest { .. }
        | Expr::Between { .. }
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::SimilarTo { .. }
        | Expr::RLike { .. }
        | Expr::AnyOp { .. }
        | Expr::AllOp { .. }
        | Expr::Position { .. }
        | Expr::Case { .. } => true,
        _ => false,
    }
}

fn adds(expr: &Expr) -> bool {
    use BinaryOperator as Op;
    match expr {
        Expr::BinaryOp { op, .. } => matches!(op, Op::Plus | Op::Minus | Op::Multiply | Op::Divide),
        Expr::Function(function) => function.over.is_some() || is_one_of(function, &AGGREGATES),
        _ => false,
    }
}

fn is_one_of(function: &Function, names: &[&str]) -> bool {
    let name = function.name.0.last().and_then(|part| part.as_ident());
    name.is_some_and(|name| names.contains(&name.value.to_lowercase().as_str()))
}

/// `status = 'UNKNOWN'`, and nothing else.
fn asks_for_unknown(expr: &Expr, names: &Names) -> bool {
    let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = expr else { return false };
    let column = match &**left {
        Expr::Identifier(ident) => Some(ident),
        Expr::CompoundIdentifier(parts) if !names.is_foreign(parts) => parts.last(),
        _ => None,
    };
    let value = match &**right {
        Expr::Value(value) => &value.value,
        _ => return false,
    };
    column.is_some_and(|column| names.is_status(&column.value))
        && matches!(value, Value::SingleQuotedString(text) if text == "UNKNOWN")
}

fn line_of(expr: &Expr) -> Option<usize> {
    use sqlparser::ast::Spanned;
    usize::try_from(expr.span().start.line).ok().filter(|line| *line > 0)
}
