//! Pieces of syntax tree. They take the id, and so the position, of what they replace.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, ListExpr, LiteralValue, operators};
use cel::common::types::{CelBool, CelInt, CelString};

pub(super) fn ident(id: u64, name: impl Into<String>) -> IdedExpr {
    node(id, Expr::Ident(name.into()))
}

pub(super) fn boolean(id: u64, value: bool) -> IdedExpr {
    node(
        id,
        Expr::Literal(LiteralValue::Boolean(CelBool::from(value))),
    )
}

pub(super) fn call(id: u64, name: &str, args: Vec<IdedExpr>) -> IdedExpr {
    let call = CallExpr {
        func_name: name.to_owned(),
        target: None,
        args,
    };
    node(id, Expr::Call(call))
}

pub(super) fn node(id: u64, expr: Expr) -> IdedExpr {
    IdedExpr { id, expr }
}

fn list(id: u64, elements: Vec<IdedExpr>) -> IdedExpr {
    node(id, Expr::List(ListExpr::new(elements)))
}

/// `condition ? yes : no`
pub(super) fn choose(id: u64, condition: IdedExpr, yes: IdedExpr, no: IdedExpr) -> IdedExpr {
    call(id, operators::CONDITIONAL, vec![condition, yes, no])
}

/// `value.field`, as an index: that spares the evaluator the search for a dotted name.
pub(super) fn field(id: u64, value: IdedExpr, name: String) -> IdedExpr {
    let key = Expr::Literal(LiteralValue::String(CelString::from(name)));
    call(id, operators::INDEX, vec![value, node(id, key)])
}

fn element(id: u64, value: IdedExpr, index: i64) -> IdedExpr {
    let index = Expr::Literal(LiteralValue::Int(CelInt::from(index)));
    call(id, operators::INDEX, vec![value, node(id, index)])
}

/// `value`, or `fallback` if it has none. `test` names the function that tells them apart: it is
/// evaluated on the value and must return true for a value to be passed over.
pub(super) fn or_else(id: u64, test: &str, value: IdedExpr, fallback: IdedExpr) -> IdedExpr {
    // The one construct of the evaluator that recovers from an error: an error is not false.
    let test = call(id, test, vec![value.clone()]);
    let missing = call(id, operators::NOT_STRICTLY_FALSE, vec![test]);
    choose(id, missing, fallback, value)
}

/// `body` with `variable` bound to `value`: a comprehension over nothing.
pub(super) fn bind(id: u64, variable: &str, value: IdedExpr, body: IdedExpr) -> IdedExpr {
    let comprehension = ComprehensionExpr {
        iter_range: list(id, Vec::new()),
        iter_var: "@unused".to_owned(),
        iter_var2: None,
        accu_var: variable.to_owned(),
        accu_init: value,
        loop_cond: boolean(id, false),
        loop_step: ident(id, variable),
        result: body,
    };
    node(id, Expr::Comprehension(Box::new(comprehension)))
}

const ENTRY: &str = "@entry";
const RESULT: &str = "@result";

/// The map `map` with `body`, which sees each value as `variable`, in place of its values.
pub(super) fn map_values(id: u64, map: IdedExpr, variable: &str, body: IdedExpr) -> IdedExpr {
    let value = bind(id, variable, element(id, ident(id, ENTRY), 1), body);
    let entry = list(id, vec![element(id, ident(id, ENTRY), 0), value]);
    over_entries(id, map, append(id, entry))
}

/// The entries of `map` for whose key, seen as `variable`, `condition` is true.
pub(super) fn filter_keys(id: u64, map: IdedExpr, variable: &str, condition: IdedExpr) -> IdedExpr {
    let condition = bind(id, variable, element(id, ident(id, ENTRY), 0), condition);
    let step = choose(
        id,
        condition,
        append(id, ident(id, ENTRY)),
        ident(id, RESULT),
    );
    over_entries(id, map, step)
}

fn append(id: u64, item: IdedExpr) -> IdedExpr {
    call(
        id,
        operators::ADD,
        vec![ident(id, RESULT), list(id, vec![item])],
    )
}

/// The map of the entries that `step` collects.
fn over_entries(id: u64, map: IdedExpr, step: IdedExpr) -> IdedExpr {
    let comprehension = ComprehensionExpr {
        iter_range: call(id, "@entries", vec![map]),
        iter_var: ENTRY.to_owned(),
        iter_var2: None,
        accu_var: RESULT.to_owned(),
        accu_init: list(id, Vec::new()),
        loop_cond: boolean(id, true),
        loop_step: step,
        result: ident(id, RESULT),
    };
    let comprehension = metered(id, comprehension);
    call(id, "@fromEntries", vec![comprehension])
}

/// The comprehension, taking one of the evaluation's steps for each item. The step goes where the
/// evaluator still recognises that a list is only appended to.
pub(super) fn metered(id: u64, mut comprehension: ComprehensionExpr) -> IdedExpr {
    let metered = |yes: IdedExpr, no: IdedExpr| choose(id, ident(id, "@step"), yes, no);
    if matches!(comprehension.loop_cond.expr, Expr::Literal(_)) {
        let mut step = std::mem::take(&mut comprehension.loop_step);
        match &mut step.expr {
            Expr::Call(call) if call.func_name == operators::CONDITIONAL => {
                if let Some(guard) = call.args.first_mut() {
                    let condition = std::mem::take(guard);
                    *guard = metered(condition, boolean(id, false));
                }
                comprehension.loop_step = step;
            }
            _ => {
                let unchanged = ident(id, comprehension.accu_var.as_str());
                comprehension.loop_step = metered(step, unchanged);
            }
        }
    } else {
        let condition = std::mem::take(&mut comprehension.loop_cond);
        comprehension.loop_cond = metered(condition, boolean(id, false));
    }
    node(id, Expr::Comprehension(Box::new(comprehension)))
}
