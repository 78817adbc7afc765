import SecondMeAvatar
import Testing

@Suite struct VisitorTests {
    @Test func theSamePersonIsTheSameVisitorInEveryLanguage() throws {
        #expect(try Visitor.forUser("feishu", "ou_abc").id == "feishu_d10f0353-58f2-539f-9ae5-dcf371311654")
        #expect(try Visitor.forUser("ios", "ada") == Visitor.forUser("ios", "ada"))
        #expect(try Visitor.forUser("ios", "ada") != Visitor.forUser("ios", "bob"))
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
