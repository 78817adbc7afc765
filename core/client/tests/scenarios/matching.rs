//! Whether something is what a scenario says.

use serde_json::Value;

/// Everything the pattern names is there. Lists are of equal length; `"*"` is anything at all.
pub(crate) fn matches(pattern: &Value, found: &Value) -> bool {
    match (pattern, found) {
        (Value::String(any), found) if any == "*" => !found.is_null(),
        (Value::Object(fields), Value::Object(found)) => {
            fields.iter().all(|(name, field)| matches(field, found.get(name).unwrap_or(&Value::Null)))
        }
        (Value::Array(items), Value::Array(found)) => {
            items.len() == found.len() && items.iter().zip(found).all(|(item, found)| matches(item, found))
        }
        (Value::Number(number), Value::Number(found)) => number.as_f64() == found.as_f64(),
        (pattern, found) => pattern == found,
    }
}

/// All patterns are met, in this order; others may stand between. Says where the last one was met, or
/// which was not.
pub(crate) fn in_order<'a>(
    patterns: &'a [Value],
    found: impl IntoIterator<Item = &'a Value>,
) -> Result<usize, &'a Value> {
    let mut wanted = patterns.iter();
    let mut next = wanted.next();
    let mut end = 0;
    for (at, found) in found.into_iter().enumerate() {
        if next.is_some_and(|pattern| matches(pattern, found)) {
            next = wanted.next();
            end = at + 1;
        }
    }
    next.map_or(Ok(end), Err)
}
