//! How much larger than its inputs a value can get: `x.with(a, a + a).with(b, b + b)…` doubles with
//! every link, and nothing in CEL's evaluator would stop it.

use cel::IdedExpr;
use cel::common::ast::{EntryExpr, Expr};

/// The number of inputs, literals included, that the value of `tree` can be made of.
pub(super) fn weight(tree: &IdedExpr) -> u64 {
    weigh(tree, &mut Vec::new())
}

/// `bound`: the weights of the variables in scope, the innermost last.
fn weigh<'t>(node: &'t IdedExpr, bound: &mut Vec<(&'t str, u64)>) -> u64 {
    match &node.expr {
        Expr::Unspecified | Expr::Literal(_) => 1,
        Expr::Ident(name) => {
            let found = bound.iter().rev().find(|(variable, _)| variable == name);
            found.map_or(1, |(_, weight)| *weight)
        }
        Expr::Select(select) => weigh(&select.operand, bound),
        Expr::Call(call) => {
            let operands = call.target.as_deref().into_iter().chain(&call.args);
            sum(operands, bound)
        }
        Expr::List(list) => sum(&list.elements, bound),
        Expr::Map(map) => map
            .entries
            .iter()
            .fold(1, |total: u64, entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    let key = weigh(&entry.key, bound);
                    total
                        .saturating_add(key)
                        .saturating_add(weigh(&entry.value, bound))
                }
                EntryExpr::StructField(field) => total.saturating_add(weigh(&field.value, bound)),
            }),
        Expr::Struct(_) => 1,
        Expr::Comprehension(comprehension) => {
            let range = weigh(&comprehension.iter_range, bound);
            let initial = weigh(&comprehension.accu_init, bound);
            let outer = bound.len();
            bound.push((&comprehension.iter_var, range));
            bound.push((&comprehension.accu_var, initial));
            let step = weigh(&comprehension.loop_step, bound);
            bound.push((&comprehension.accu_var, initial.max(step)));
            let result = weigh(&comprehension.result, bound);
            bound.truncate(outer);
            result
        }
    }
}

fn sum<'t>(nodes: impl IntoIterator<Item = &'t IdedExpr>, bound: &mut Vec<(&'t str, u64)>) -> u64 {
    nodes.into_iter().fold(1, |total: u64, node| {
        total.saturating_add(weigh(node, bound))
    })
}
