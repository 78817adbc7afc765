package me.secondme.avatar.java.scenarios;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON and YAML alike as {@code Map}, {@code List}, {@code String}, numbers, booleans and {@code
 * null}.
 */
final class Values {
    private static final Gson JSON =
            new GsonBuilder().serializeNulls().disableHtmlEscaping().create();

    private Values() {}

    static Object parseJson(String text) {
        return JSON.fromJson(text, Object.class);
    }

    static String toJson(Object value) {
        return JSON.toJson(value);
    }

    static Map<?, ?> map(Object value) {
        return (Map<?, ?>) value;
    }

    static List<?> list(Object value) {
        return (List<?>) value;
    }

    /** Names and values in turn; a value may be {@code null}. */
    static Map<String, Object> fields(Object... namesAndValues) {
        Map<String, Object> all = new LinkedHashMap<>();
        for (int at = 0; at < namesAndValues.length; at += 2) {
            all.put((String) namesAndValues[at], namesAndValues[at + 1]);
        }
        return all;
    }

    static Map<String, Object> joined(Map<String, Object> some, Map<String, Object> others) {
        Map<String, Object> all = new LinkedHashMap<>(some);
        all.putAll(others);
        return all;
    }

    /**
     * All that the pattern names is there. Lists are of equal length; {@code "*"} is anything but
     * nothing.
     */
    static boolean matches(Object pattern, Object found) {
        if (pattern == null) {
            return found == null;
        }
        if (pattern.equals("*")) {
            return found != null;
        }
        if (pattern instanceof Map<?, ?> wanted) {
            return found instanceof Map<?, ?> fields
                    && wanted.entrySet().stream()
                            .allMatch(it -> matches(it.getValue(), fields.get(it.getKey())));
        }
        if (pattern instanceof List<?> wanted) {
            if (!(found instanceof List<?> items) || wanted.size() != items.size()) {
                return false;
            }
            for (int at = 0; at < wanted.size(); at++) {
                if (!matches(wanted.get(at), items.get(at))) {
                    return false;
                }
            }
            return true;
        }
        if (pattern instanceof Number wanted) {
            return found instanceof Number number && wanted.doubleValue() == number.doubleValue();
        }
        return pattern.equals(found);
    }

    /** How many values it takes until all patterns are met in this order, others between. */
    record Met(int count, String missing) {
        boolean all() {
            return missing == null;
        }
    }

    static Met inOrder(List<?> patterns, List<?> found) {
        int end = 0;
        for (Object pattern : patterns) {
            while (end < found.size() && !matches(pattern, found.get(end))) {
                end++;
            }
            if (end == found.size()) {
                return new Met(end, "no " + toJson(pattern));
            }
            end++;
        }
        return new Met(end, null);
    }
}
