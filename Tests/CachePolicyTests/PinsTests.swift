import CachePolicy
import DICOM
import Testing

@Suite struct PinsTests {
    @Test func whatIsWrittenIsReadBack() throws {
        let pins: Set<Pin> = [
            .study(try uid("1.2")), .series(study: try uid("1.2"), series: try uid("1.3")), .patient("Patient/7"),
            .patient("https://fhir.example.org/Patient/7"),
        ]
        let (read, skipped) = PinFile.pins(in: PinFile.text(of: pins))
        #expect(read == pins && skipped == 0)
    }

    @Test func whatIsNotUnderstoodIsSkippedAndTheRestCounts() throws {
        let text =
            "# mine\r\n\n  study   1.2  \nstudy\nstudy x\nstudy 1.2 1.3\nseries 1.2\n\u{0}\npatient a b\nnonsense"
        let (pins, skipped) = PinFile.pins(in: text)
        #expect(pins == [.study(try uid("1.2"))])
        #expect(skipped == 7)
    }

    @Test func noMoreThanTheLimitIsTaken() throws {
        let text = (0..<PinFile.pinLimit + 5).map { "study 1.\($0)\n" }.joined()
        let (pins, skipped) = PinFile.pins(in: text)
        #expect(pins.count == PinFile.pinLimit && skipped == 5)
    }

    @Test(arguments: ["", " ", "a b", "a\nstudy 1.2", String(repeating: "x", count: 257)])
    func aSubjectThatWouldBreakItsLineIsNotHeld(subject: String) {
        #expect(!PinFile.canHold(.patient(subject)))
    }

    @Test func aSeriesIsHeldByItsStudyItsOwnPinOrItsPatient() throws {
        let key = SeriesKey(study: try uid("1.2"), series: try uid("1.3"))
        let holding: [Set<Pin>] = [
            [.study(key.study)], [.series(study: key.study, series: key.series)], [.patient("Patient/7")],
        ]
        for pins in holding { #expect(pins.holds(key, subject: "Patient/7")) }
        let others: Set<Pin> = [
            .study(try uid("1.3")), .series(study: try uid("1.3"), series: key.series), .patient("Patient/70"),
        ]
        #expect(!others.holds(key, subject: "Patient/7"))
        #expect(!Set([Pin.patient("Patient/7")]).holds(key, subject: nil))
    }
}

@Suite struct SteadyClockTests {
    @Test func itFollowsTheWallClockAndNeverGoesBack() {
        var clock = SteadyClock()
        #expect([10, 20, 5, 6, 7, 100].map { clock.time(at: $0) } == [10, 20, 20, 21, 22, 115])
    }

    @Test func anEarlierProcessesTimeCounts() {
        var clock = SteadyClock()
        _ = clock.time(at: 50)
        clock.advance(to: 1000)
        #expect(clock.time(at: 51) == 1000)
        #expect(clock.time(at: 53) == 1002)
    }

    @Test(arguments: [Int64.min, -1, Int64.max, Int64.max - 1])
    func noTimeTrapsIt(time: Int64) {
        var clock = SteadyClock(last: time)
        let first = clock.time(at: time)
        clock.advance(to: time)
        #expect(first >= 0 && first <= SteadyClock.end)
        #expect(clock.time(at: 0) >= first && clock.time(at: time) >= first)
    }
}

@Suite struct ObjectClassPathTests {
    @Test func theClassOfEveryObjectIsToldByItsPlace() throws {
        for object in everyClass {
            let key = try key(object)
            let names = ObjectPath(key).components.dropFirst(ObjectPath.seriesDepth)
            #expect(ObjectPath.objectClass(below: names) == object.word, "\(ObjectPath(key).string)")
        }
        var ofSeries = try key(.members)
        ofSeries.instance = nil
        for object in [ObjectClass.members, .metadata(.json)] {
            ofSeries.object = object
            let names = ObjectPath(ofSeries).components.dropFirst(ObjectPath.seriesDepth)
            #expect(ObjectPath.objectClass(below: names) == object.word)
        }
    }

    @Test(arguments: [
        [], ["1.2"], ["x"], ["1.2", "x"], ["1.2", "members"], ["instance,stored"], ["frames.txt", "1"],
    ])
    func whatIsNoneOfOursIsForeign(names: [String]) {
        let expected = names.first == "frames.txt" ? "frame" : ObjectPath.foreignClass
        #expect(ObjectPath.objectClass(below: names) == expected)
    }
}
