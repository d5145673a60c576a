import DICOM
import HTTP
import Testing
import WADO

@Suite struct BulkReferenceTests {
    private let target = InstanceTarget(study: UID("1.2")!, series: UID("1.3")!, instance: UID("1.4")!)

    @Test(arguments: [
        ("http://pacs/bulk?id=7", false), ("http://pacs/dicom-web/studies/1.2/series/1.3/instances/1.4/x?y=1", false),
        ("http://pacs/dicom-web/studies/1.9/bulk/1", true), ("http://pacs/studies/1.2/series/1.9/frames/1", true),
        ("http://pacs/studies/1.2/series/1.3/instances/1.9", true), ("http://pacs/%73tudies/1.9", true),
        ("http://pacs/STUDIES/1.9", true), ("http://pacs/studies/1%2E9", true),
        ("http://pacs/wado?studyUID=1.2&objectUID=1.4", false), ("http://pacs/wado?studyUID=1.2&objectUID=1.9", true),
        ("http://pacs/wado?ObjectUID=1%2e9", true),
    ])
    func tellsWhichURLsLeadElsewhere(url: String, expected: Bool) throws {
        #expect(BulkReference.namesOther(try #require(HTTPURL(url)), than: target) == expected)
    }
}
