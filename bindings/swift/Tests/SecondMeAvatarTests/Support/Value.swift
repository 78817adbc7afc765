import Foundation

/// Any JSON.
enum Value: Sendable, Hashable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case list([Value])
    case object([String: Value])

    /// A field; null where there is none.
    subscript(name: String) -> Value {
        if case .object(let fields) = self { fields[name] ?? .null } else { .null }
    }

    var string: String? { if case .string(let text) = self { text } else { nil } }
    var number: Double? { if case .number(let number) = self { number } else { nil } }
    var bool: Bool? { if case .bool(let bool) = self { bool } else { nil } }
    var list: [Value]? { if case .list(let items) = self { items } else { nil } }
    var fields: [String: Value]? { if case .object(let fields) = self { fields } else { nil } }

    /// Of what a scenario or the emulator says in text.
    static func parse(_ data: Data) throws -> Value { try JSONDecoder().decode(Value.self, from: data) }

    static func optional(_ text: String?) -> Value { text.map(Value.string) ?? .null }
}

extension Value: Codable {
    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let text = try? value.decode(String.self) {
            self = .string(text)
        } else if let items = try? value.decode([Value].self) {
            self = .list(items)
        } else {
            self = .object(try value.decode([String: Value].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var value = encoder.singleValueContainer()
        switch self {
        case .null: try value.encodeNil()
        case .bool(let bool): try value.encode(bool)
        case .number(let number): try value.encode(number)
        case .string(let text): try value.encode(text)
        case .list(let items): try value.encode(items)
        case .object(let fields): try value.encode(fields)
        }
    }
}

extension Value: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    init(stringLiteral text: String) { self = .string(text) }
    init(integerLiteral number: Int) { self = .number(Double(number)) }
    init(booleanLiteral bool: Bool) { self = .bool(bool) }
    init(arrayLiteral items: Value...) { self = .list(items) }
    init(dictionaryLiteral fields: (String, Value)...) { self = .object(Dictionary(uniqueKeysWithValues: fields)) }
}

extension Value: CustomStringConvertible {
    var description: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "?"
    }
}
