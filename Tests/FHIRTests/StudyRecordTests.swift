import DICOM
import FHIR
import Testing

/// Growth, and records as text.
@Suite struct StudyRecordTests {
    typealias Change = @Sendable (inout StudyRecord) throws -> Void

    static let growth: [(String, Change)] = [
        ("another series", { $0.series.append(.init(uid: try uid("1.2.9"))) }),
        ("another instance", { $0.series[0].instances.append(.init(uid: try uid("1.2.3.9"))) }),
        ("a higher count", { $0.series[0].numberOfInstances = 9 }),
        ("a first count", { $0.series[1].numberOfInstances = 1 }),
        (
            "a modality with its series",
            {
                $0.modalities.append("SR")
                $0.series.insert(.init(uid: try uid("1.2.8"), modality: "SR"), at: 0)
            }
        ),
    ]

    static let others: [(String, Change)] = [
        ("nothing", { _ in }),
        ("another version alone", { $0.version = "x" }),
        ("another subject", { $0.subject = "Patient/8" }),
        ("no subject", { $0.subject = nil }),
        ("another status", { $0.status = .inactive }),
        ("another accession number", { $0.accession = "A2" }),
        ("another description", { $0.summary = "MR" }),
        ("another time", { $0.started = "2026-11-25" }),
        ("another endpoint", { $0.endpoints[0].address = "http://127.0.0.2/" }),
        ("a series less", { $0.series.removeLast() }),
        ("an instance less", { $0.series[0].instances.removeLast() }),
        ("a lower count", { $0.series[0].numberOfInstances = 1 }),
        ("no count any more", { $0.series[0].numberOfInstances = nil }),
        ("a modality less", { $0.modalities = [] }),
        ("another series description", { $0.series[0].summary = "neck" }),
        ("another modality of a series", { $0.series[0].modality = "MR" }),
        ("another SOP class", { $0.series[0].instances[0].sopClass = nil }),
        ("an endpoint of a series", { $0.series[0].endpoints = $0.endpoints }),
    ]

    @Test(arguments: growth.indices)
    func additionsAreGrowth(index: Int) throws {
        let old = try record()
        var new = old
        new.version = "2"
        try Self.growth[index].1(&new)
        #expect(new.isGrowth(of: old), "\(Self.growth[index].0)")
        #expect(!old.isGrowth(of: new))
    }

    @Test(arguments: others.indices, [false, true])
    func whatIsDifferentIsNoGrowth(index: Int, whenItGrowsToo: Bool) throws {
        let old = try record()
        var new = old
        try Self.others[index].1(&new)
        let hidden = ["nothing", "another version alone"].contains(Self.others[index].0)
        // Changes that this reader cannot see are not told apart from growth alone.
        if whenItGrowsToo { new.series.append(.init(uid: try uid("1.2.9"))) }
        #expect(new.isGrowth(of: old) == (whenItGrowsToo && hidden), "\(Self.others[index].0)")
    }

    @Test func aRecordComesBackFromItsText() throws {
        for record in [try record(), try StudyRecord(study: uid("1.2")), try everything()] {
            var lines = TextLines()
            record.write(to: &lines)
            #expect(StudyRecord(lines: TextLines.lines(of: lines.text)) == record)
        }
    }

    @Test(arguments: [
        "", "status available", "study x", "study 1.2\nsubject", "study 1.2\nfoo bar",
        "study 1.2\ninstance 1.2 - -", "study 1.2\nseries 1.2\ninstance 1.2", "study 1.2\nseries 1.2\ninstance 1.2 x -",
        "study 1.2\nendpoint.type a", "study 1.2\nstatus fine", "study 1.2\nendpoint e\nendpoint.status fine",
        "study 1.2\nseries 1.2\nseries.number one", "study 1.2\nstudy 1.3",
    ])
    func whatIsNotUnderstoodIsNoRecord(text: String) {
        let record = StudyRecord(lines: TextLines.lines(of: text))
        // A value may be empty; everything else is refused.
        #expect(record == nil || text.hasSuffix("subject"))
    }

    private func record() throws -> StudyRecord {
        let ct = try uid("1.2.840.10008.5.1.4.1.1.2")
        return StudyRecord(
            study: try uid("1.2"), subject: "Patient/7", accession: "A1", modalities: ["CT"], started: "2026-11-24",
            summary: "CT",
            series: [
                .init(
                    uid: try uid("1.2.3"), modality: "CT", number: 1, summary: "head", numberOfInstances: 2,
                    instances: [
                        .init(uid: try uid("1.2.3.1"), sopClass: ct, number: 1), .init(uid: try uid("1.2.3.2")),
                    ]),
                .init(uid: try uid("1.2.4")),
            ],
            endpoints: [.init(id: "Endpoint/1", connectionTypes: [.wadoRS], address: "http://127.0.0.1/")], version: "1"
        )
    }

    private func everything() throws -> StudyRecord {
        var record = try record()
        record.summary = " a%b\nc\r\u{301}d %0A ä\u{1F600}"
        record.subject = ""
        let statuses: [Endpoint.Status] = [
            .active, .suspended, .error, .off, .enteredInError, .test, .unresolved, .other("new\ncode"), .other(""),
        ]
        record.endpoints += statuses.map { status in
            Endpoint(
                id: "#e", connectionTypes: [.wadoRS, .wadoURI, .qidoRS, .archive, .other("x")], status: status,
                address: "x", name: "n", periodStart: "2026", periodEnd: "2027", headers: ["A: b", ""])
        }
        record.series[1].endpoints = record.endpoints
        record.status = .enteredInError
        return record
    }
}
