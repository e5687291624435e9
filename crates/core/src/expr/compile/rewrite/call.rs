//! Calls: operators, functions and methods.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, LiteralValue, operators};

use super::{Checked, Walk};
use crate::expr::compile::build;
use crate::expr::functions::compile_regex;
use crate::expr::limits::TREE_DEPTH;
use crate::expr::vocabulary::{self, Call};

impl Walk<'_> {
    pub(super) fn call(&mut self, id: u64, call: CallExpr) -> Checked {
        let CallExpr {
            func_name,
            target,
            mut args,
        } = call;
        let Some(target) = target else {
            return if is_operator(&func_name) {
                self.operator(id, &func_name, args)
            } else {
                self.function(id, &func_name, args)
            };
        };
        // `base64.encode(x)` is a function of that name, not a method of a variable.
        if let Expr::Ident(namespace) = &target.expr
            && vocabulary::root(namespace).is_err()
            && !self.is_bound(namespace)
        {
            let name = format!("{namespace}.{func_name}");
            return if vocabulary::is_namespace(namespace) || !vocabulary::is_method(&func_name) {
                self.function(id, &name, args)
            } else {
                self.node(*target)
            };
        }
        let known = vocabulary::call(&func_name, Call::Method, args.len());
        known.map_err(|message| self.error(id, message))?;
        match func_name.as_str() {
            // Methods that are functions of the value they are called on.
            "filterKeys" | "json" | "mapValues" | "matches" | "merge" | "regexReplace"
            | "stripPrefix" | "stripSuffix" | "toJson" | "to_json" | "unredacted" | "with" => {
                args.insert(0, *target);
                self.function(id, &func_name, args)
            }
            "join" | "replace" => {
                args.insert(0, *target);
                let args = self.nodes(args)?;
                Ok(build::call(id, &format!("@{func_name}"), args))
            }
            "format" => {
                if !is_simple_format(&target) {
                    let message = "`format` takes a literal without widths over two digits";
                    return Err(self.error(id, message));
                }
                self.method(id, func_name, *target, args)
            }
            _ => self.method(id, func_name, *target, args),
        }
    }

    fn method(&mut self, id: u64, name: String, target: IdedExpr, args: Vec<IdedExpr>) -> Checked {
        let target = Some(Box::new(self.node(target)?));
        let args = self.nodes(args)?;
        Ok(build::node(
            id,
            Expr::Call(CallExpr {
                func_name: name,
                target,
                args,
            }),
        ))
    }

    fn operator(&mut self, id: u64, name: &str, mut args: Vec<IdedExpr>) -> Checked {
        if matches!(
            name,
            operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT
        ) && let [value, key] = args.as_slice()
            && let Some(root) = self.root(value).map(str::to_owned)
        {
            match &key.expr {
                Expr::Literal(LiteralValue::String(field)) => {
                    self.check_field(id, &root, field.inner())?;
                }
                _ => self.reads_field(&root, None),
            }
            let key = args.pop().map(|key| self.node(key)).transpose()?;
            args.extend(key);
            return Ok(build::call(id, name, args));
        }
        if is_arithmetic(name) && args.iter().any(|arg| self.is_money(arg)) {
            args.iter_mut().for_each(whole_as_double);
        }
        let args = self.nodes(args)?;
        let equality = matches!(name, operators::EQUALS | operators::NOT_EQUALS);
        if equality && args.first().is_some_and(may_be_own_container) {
            let equal = build::call(id, "@equal", args);
            return Ok(if name == operators::EQUALS {
                equal
            } else {
                build::call(id, operators::LOGICAL_NOT, vec![equal])
            });
        }
        Ok(build::call(id, name, args))
    }

    /// Whether the value is a sum of money, or computed with one: these are doubles.
    fn is_money(&self, node: &IdedExpr) -> bool {
        match &node.expr {
            Expr::Select(select) => match &select.operand.expr {
                Expr::Ident(root) if root == "llm" && !self.is_bound(root) => {
                    matches!(select.field.as_str(), "cost" | "costRates")
                }
                _ => self.is_money(&select.operand),
            },
            Expr::Call(call) if call.target.is_none() && is_arithmetic(&call.func_name) => {
                call.args.iter().any(|arg| self.is_money(arg))
            }
            _ => false,
        }
    }

    fn function(&mut self, id: u64, name: &str, mut args: Vec<IdedExpr>) -> Checked {
        let known = vocabulary::call(name, Call::Function, args.len());
        known.map_err(|message| self.error(id, message))?;
        match name {
            "now" | "random" | "uuid" => Ok(build::ident(id, format!("@{name}"))),
            "flatten" | "flattenRecursive" => {
                let message = format!("`{name}` spreads fields: it must be the whole expression");
                Err(self.error(id, message))
            }
            "json" if self.body_of(&args).is_some() => {
                let root = self.body_of(&args).unwrap_or("request").to_owned();
                self.reads_field(&root, Some("body"));
                Ok(build::ident(id, format!("@{root}.json")))
            }
            "default" => self.or_else(id, "@failed", args),
            "coalesce" => self.or_else(id, "@null", args),
            "with" | "mapValues" | "filterKeys" => self.binding(id, name, args),
            "matches" | "regexReplace" => {
                let pattern = std::mem::take(&mut args[1]);
                args[1] = self.pattern(pattern)?;
                let args = self.nodes(args)?;
                Ok(build::call(id, &format!("@{name}"), args))
            }
            _ => {
                let name = match name {
                    "base64Encode" => "base64.encode",
                    "base64Decode" => "base64.decode",
                    "mergeMaps" => "merge",
                    name => name,
                };
                let args = self.nodes(args)?;
                Ok(build::call(id, name, args))
            }
        }
    }

    /// The root variable whose body is the only one of `args`.
    fn body_of<'n>(&self, args: &'n [IdedExpr]) -> Option<&'n str> {
        let [
            IdedExpr {
                expr: Expr::Select(select),
                ..
            },
        ] = args
        else {
            return None;
        };
        let root = self.root(&select.operand)?;
        let body = select.field == "body" && !select.test;
        (body && matches!(root, "request" | "response")).then_some(root)
    }

    /// The first of `args` that has a value, as `test` sees it; the last one whatever it has.
    fn or_else(&mut self, id: u64, test: &str, args: Vec<IdedExpr>) -> Checked {
        let outer = self.depth;
        self.depth += 3;
        let mut choice: Option<IdedExpr> = None;
        for arg in args.into_iter().rev() {
            let before = self.nodes;
            let arg = self.node(arg)?;
            choice = Some(match choice {
                None => arg,
                Some(rest) => {
                    // The argument is tested and then evaluated again.
                    self.count(id, self.nodes - before + 3)?;
                    build::or_else(id, test, arg, rest)
                }
            });
            self.depth += 1;
            if self.depth > TREE_DEPTH {
                return Err(self.error(id, "the expression is nested too deeply"));
            }
        }
        self.depth = outer;
        Ok(choice.unwrap_or_default())
    }

    /// The functions that bind a variable: `value`, the variable, what is computed with it.
    fn binding(&mut self, id: u64, name: &str, args: Vec<IdedExpr>) -> Checked {
        let Ok([value, variable, body]) = <[IdedExpr; 3]>::try_from(args) else {
            return Err(self.error(id, "wrong number of arguments"));
        };
        let Expr::Ident(variable) = variable.expr else {
            let message = format!("the first argument of `{name}` must be the name of a variable");
            return Err(self.error(variable.id, message));
        };
        let loops = usize::from(name != "with");
        let value = self.node(value)?;
        self.enter_loops(id, loops)?;
        self.count(id, 16)?;
        self.bound.push(variable);
        self.depth += 6 * loops;
        let body = self.node(body)?;
        self.depth -= 6 * loops;
        let variable = self.bound.pop().unwrap_or_default();
        self.comprehensions -= loops;
        Ok(match name {
            "mapValues" => build::map_values(id, value, &variable, body),
            "filterKeys" => build::filter_keys(id, value, &variable, body),
            _ => build::bind(id, &variable, value, body),
        })
    }

    /// A regular expression: compiled now if it is a literal.
    fn pattern(&mut self, node: IdedExpr) -> Checked {
        let Expr::Literal(LiteralValue::String(pattern)) = &node.expr else {
            return Ok(node);
        };
        let compiled = compile_regex(pattern.inner()).map_err(|error| {
            let reason = error.to_string();
            let reason = reason
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ");
            self.error(node.id, format!("not a regular expression: {reason}"))
        })?;
        self.patterns.push(compiled);
        Ok(build::ident(
            node.id,
            format!("@regex.{}", self.patterns.len() - 1),
        ))
    }
}

/// What operators and macros are called in the tree: names no user can write.
const OPERATORS: [&str; 21] = [
    operators::ADD,
    operators::CONDITIONAL,
    operators::DIVIDE,
    operators::EQUALS,
    operators::GREATER,
    operators::GREATER_EQUALS,
    operators::IN,
    operators::INDEX,
    operators::LESS,
    operators::LESS_EQUALS,
    operators::LOGICAL_AND,
    operators::LOGICAL_NOT,
    operators::LOGICAL_OR,
    operators::MODULO,
    operators::MULTIPLY,
    operators::NEGATE,
    operators::NOT_EQUALS,
    operators::NOT_STRICTLY_FALSE,
    operators::OPT_INDEX,
    operators::OPT_SELECT,
    operators::SUBSTRACT,
];

fn is_arithmetic(name: &str) -> bool {
    matches!(
        name,
        operators::ADD | operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE
    )
}

/// CEL has no arithmetic of a double with an int: a whole number that is written beside money
/// (`llm.cost.total * 1000000`) is read as a double.
fn whole_as_double(node: &mut IdedExpr) {
    if let Expr::Literal(LiteralValue::Int(whole)) = &node.expr {
        #[expect(clippy::cast_precision_loss, reason = "as CEL's own `double()` does")]
        let double = *whole.inner() as f64;
        node.expr = Expr::Literal(LiteralValue::Double(double.into()));
    }
}

fn is_operator(name: &str) -> bool {
    OPERATORS.contains(&name)
}

/// Whether `node` may be a list or map of the evaluator's own, which equals no lazy JSON.
fn may_be_own_container(node: &IdedExpr) -> bool {
    match &node.expr {
        Expr::List(_) | Expr::Map(_) | Expr::Comprehension(_) => true,
        Expr::Call(call) => matches!(
            call.func_name.as_str(),
            operators::CONDITIONAL
                | operators::ADD
                | "@fromEntries"
                | "merge"
                | "split"
                | "json"
                | "max"
                | "min"
        ),
        _ => false,
    }
}

/// Whether `node` is a format string that cannot ask for very long output.
fn is_simple_format(node: &IdedExpr) -> bool {
    let Expr::Literal(LiteralValue::String(format)) = &node.expr else {
        return false;
    };
    let text = format.inner();
    !text
        .as_bytes()
        .windows(3)
        .any(|digits| digits.iter().all(u8::is_ascii_digit))
}
