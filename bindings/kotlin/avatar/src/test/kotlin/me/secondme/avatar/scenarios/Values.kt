package me.secondme.avatar.scenarios

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.booleanOrNull
import kotlinx.serialization.json.doubleOrNull

/** JSON and YAML alike as `Map`, `List`, `String`, `Double`, `Boolean` and `null`. */
internal fun parseJson(text: String): Any? = Json.parseToJsonElement(text).toValue()

internal fun toJson(value: Any?): String = value.toElement().toString()

/** All that the pattern names is there. Lists are of equal length; `"*"` is anything but nothing. */
internal fun matches(pattern: Any?, found: Any?): Boolean = when {
    pattern == "*" -> found != null
    pattern is Map<*, *> -> found is Map<*, *> && pattern.all { (name, field) -> matches(field, found[name]) }
    pattern is List<*> ->
        found is List<*> && pattern.size == found.size &&
            pattern.zip(found).all { (item, other) -> matches(item, other) }
    pattern is Number -> found is Number && pattern.toDouble() == found.toDouble()
    else -> pattern == found
}

/** All patterns are met in this order, others between: how many values that takes, or the pattern that is not met. */
internal fun inOrder(patterns: List<*>, found: List<*>): Result<Int> {
    var end = 0
    for (pattern in patterns) {
        val at = (end until found.size).firstOrNull { matches(pattern, found[it]) }
        end = at?.plus(1) ?: return Result.failure(AssertionError("no ${toJson(pattern)}"))
    }
    return Result.success(end)
}

private fun JsonElement.toValue(): Any? = when (this) {
    is JsonNull -> null
    is JsonPrimitive -> if (isString) content else booleanOrNull ?: doubleOrNull
    is JsonArray -> map { it.toValue() }
    is JsonObject -> mapValues { it.value.toValue() }
}

private fun Any?.toElement(): JsonElement = when (this) {
    null -> JsonNull
    is String -> JsonPrimitive(this)
    is Number -> JsonPrimitive(this)
    is Boolean -> JsonPrimitive(this)
    is List<*> -> JsonArray(map { it.toElement() })
    is Map<*, *> -> JsonObject(entries.associate { (name, value) -> name.toString() to value.toElement() })
    else -> error("$this is no JSON")
}
