// A structured report on nobody.

enum SyntheticReport {
    /// A Basic Text SR with a heading, a finding in text outside of ASCII, and a code (PS3.3 A.35.1).
    static func dataSet(_ place: SyntheticPlace) -> DataSet {
        let sopClass = UID(literal: "1.2.840.10008.5.1.4.1.1.88.11")
        var report = SyntheticImages.common(place, sopClass, modality: "SR", study: "Synthetic CT")
        report.set(Tag(0x0008, 0x0023), .da, "20260101")
        report.set(Tag(0x0008, 0x0033), .tm, "121500")
        report.set(Tag(0x0008, 0x103E), .lo, "Report")
        report.set(Tag(0x0008, 0x1111), items: [])
        report.set(Tag(0x0040, 0xA040), .cs, "CONTAINER")
        report.set(Tag(0x0040, 0xA043), items: [code("18748-4", "LN", "Diagnostic imaging study")])
        report.set(Tag(0x0040, 0xA050), .cs, "SEPARATE")
        report.set(Tag(0x0040, 0xA372), items: [])
        report.set(Tag(0x0040, 0xA491), .cs, "COMPLETE")
        report.set(Tag(0x0040, 0xA493), .cs, "UNVERIFIED")
        report.set(
            Tag(0x0040, 0xA730),
            items: [
                text(code("121071", "DCM", "Finding"), "A disc of even density. Größe: 12 mm – 円盤."),
                coded(code("121077", "DCM", "Conclusion"), code("17621005", "SCT", "Normal")),
            ])
        return report
    }

    private static func code(_ value: String, _ scheme: String, _ meaning: String) -> DataSet {
        var code = DataSet()
        code.set(Tag(0x0008, 0x0100), .sh, value)
        code.set(Tag(0x0008, 0x0102), .sh, scheme)
        code.set(Tag(0x0008, 0x0104), .lo, meaning)
        return code
    }

    private static func text(_ name: DataSet, _ text: String) -> DataSet {
        var item = contentItem("TEXT", name)
        item.set(Tag(0x0040, 0xA160), .ut, text)
        return item
    }

    private static func coded(_ name: DataSet, _ value: DataSet) -> DataSet {
        var item = contentItem("CODE", name)
        item.set(Tag(0x0040, 0xA168), items: [value])
        return item
    }

    private static func contentItem(_ type: String, _ name: DataSet) -> DataSet {
        var item = DataSet()
        item.set(Tag(0x0040, 0xA010), .cs, "CONTAINS")
        item.set(Tag(0x0040, 0xA040), .cs, type)
        item.set(Tag(0x0040, 0xA043), items: [name])
        return item
    }
}
