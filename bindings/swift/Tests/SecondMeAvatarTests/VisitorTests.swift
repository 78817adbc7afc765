import Foundation
import SecondMeAvatar
import Testing

@Suite struct VisitorTests {
    @Test func theSamePersonIsTheSameVisitorInEveryLanguage() throws {
        let root = (0..<5).reduce(URL(fileURLWithPath: #filePath)) { url, _ in url.deletingLastPathComponent() }
        let all = try Value.parse(try Data(contentsOf: root.appendingPathComponent("spec/visitor-ids.json")))
        let known = try #require(all.list)
        #expect(!known.isEmpty)
        for one in known {
            let (platform, user) = (try #require(one["platform"].string), try #require(one["userId"].string))
            let visitor =
                if let secret = one["secret"].string {
                    try Visitor.forUserWithSecret(platform, user, secret: secret)
                } else {
                    try Visitor.forUser(platform, user)
                }
            #expect(visitor.id == one["id"].string)
        }
        #expect(try Visitor.forUser("ios", "ada") == Visitor.forUser("ios", "ada"))
        #expect(try Visitor.forUser("ios", "ada") != Visitor.forUser("ios", "bob"))
    }

    @Test func aSecretThatCanBeGuessedIsRefused() async {
        let error = await failure { try Visitor.forUserWithSecret("ios", "ada", secret: "hunter2") }
        #expect(error?.kind == .invalidVisitorID)
        #expect(error?.message.contains("hunter2") == false)
    }

    @Test func whatIsKnownOfAVisitorBesidesTheIDIsNotPrinted() throws {
        let visitor = try Visitor.forUser("ios", "ada", name: "张三", channel: "work", tag: "group 7")
        var dumped = ""
        dump(visitor, to: &dumped)
        for text in ["\(visitor)", String(reflecting: visitor), dumped] {
            #expect(text.contains(visitor.id))
            for detail in ["张三", "work", "group 7"] { #expect(!text.contains(detail)) }
        }
    }

    @Test func anIDThatWasHadBeforeIsTaken() throws {
        let visitor = try Visitor.parse("web_6ba7b810-9dad-11d1-80b4-00c04fd430c8", name: "Ada", channel: "web")
        #expect(visitor.id == "web_6ba7b810-9dad-11d1-80b4-00c04fd430c8")
        #expect((visitor.name, visitor.channel) == ("Ada", "web"))
    }

    @Test func chanceGivesAnotherOneEachTime() throws {
        let (one, other) = (try Visitor.random("ios"), try Visitor.random("ios"))
        #expect(one != other)
        #expect(try Visitor.parse(one.id) == one)
    }
}
