import Testing
import WADO

/// Accept strings as viewers send them, and what they mean. "~" stands for "1.2.840.10008.1.2.".
@Suite struct NegotiationTests {
    private static let instance = "/dicom-web/studies/1/series/2/instances/3"

    @Test(arguments: [
        // No Accept, and browsers.
        ([], "data ~1,* multipart"),
        (["*/*"], "data ~1,* multipart"),
        (["text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"], "data ~1,* multipart"),
        // dicomweb-client.
        (["multipart/related; type=\"application/dicom\""], "data ~1,* multipart"),
        (["multipart/related; type=\"application/dicom\"; transfer-syntax=*"], "data * multipart"),
        (
            ["multipart/related; type=\"application/dicom\"; transfer-syntax=1.2.840.10008.1.2.4.50"],
            "data ~4.50 multipart"
        ),
        // Weasis.
        (["multipart/related;type=\"application/dicom\";transfer-syntax=*"], "data * multipart"),
        // Unquoted, single-quoted, upper case, spaces, stray boundary.
        (["multipart/related; type=application/dicom"], "data ~1,* multipart"),
        (["Multipart/Related; TYPE = 'APPLICATION/DICOM' ; boundary=xyz; transfer-syntax = \"*\""], "data * multipart"),
        (["multipart/related"], "data ~1,* multipart"),
        (["multipart/related; type=\"*/*\""], "data ~1,* multipart"),
        // Single part.
        (["application/dicom"], "data ~1,* single"),
        (["application/dicom; transfer-syntax=*"], "data * single"),
        // Weights and several lines.
        (
            ["application/dicom;q=0.5, multipart/related; type=\"application/dicom\"; transfer-syntax=*"],
            "data *,~1 multipart"
        ),
        (
            ["multipart/related; type=\"application/dicom\"; transfer-syntax=*;q=0.4", "application/dicom;q=0.9"],
            "data ~1,* single"
        ),
        (["application/dicom;q=0, */*;q=0.1"], "data ~1,* multipart"),
        (["bogus, , text/html;;, application/dicom"], "data ~1,* single"),
        // Two transfer syntaxes in one entry, and one that is none.
        (
            [
                "multipart/related; type=\"application/dicom\"; transfer-syntax=1.2.840.10008.1.2.4.80; transfer-syntax=*"
            ], "data ~4.80,* multipart"
        ),
        (
            ["multipart/related; type=\"application/dicom\"; transfer-syntax=jpeg, application/dicom;q=0.1"],
            "data ~1,* single"
        ),
    ])
    func instances(accept: [String], expected: String) throws {
        #expect(try ask(Self.instance, accept: accept)?.representation.words == expected)
    }

    @Test(
        arguments: [
            // The historical form: bulk data of an instance, study or series.
            (
                "/dicom-web/studies/1/series/2/instances/3", "multipart/related; type=\"application/octet-stream\"",
                .pixelData
            ),
            ("/dicom-web/studies/1/series/2/instances/3", "application/octet-stream", .pixelData),
            ("/dicom-web/studies/1", "multipart/related; type=\"application/octet-stream\"", .bulkData),
            ("/dicom-web/studies/1/series/2", "multipart/related; type=\"image/jpeg\"", .bulkData),
            ("/dicom-web/studies/1", "multipart/related; type=\"application/octet-stream\", */*;q=0.1", .dataSets),
        ] as [(String, String, RetrieveRequest.Resource)])
    func bulkDataOfATarget(path: String, accept: String, resource: RetrieveRequest.Resource) throws {
        #expect(try ask(path, accept: [accept])?.resource == resource)
    }

    @Test(arguments: [
        ([], "json application/dicom+json"),
        (["application/dicom+json"], "json application/dicom+json"),
        (["application/dicom+json, application/json"], "json application/dicom+json"),
        (["application/json"], "json application/json"),
        (
            ["application/dicom+json, multipart/related; type=application/octet-stream; transfer-syntax=*"],
            "json application/dicom+json"
        ),
        (["multipart/related; type=\"application/dicom+xml\""], "xml"),
        (["multipart/related; type=application/dicom+xml, application/dicom+json;q=0.9"], "xml"),
        (["application/dicom+xml"], "xml"),
        (["text/html, */*;q=0.1"], "json application/dicom+json"),
        (["application/*"], "json application/dicom+json"),
    ])
    func metadata(accept: [String], expected: String) throws {
        #expect(try ask(Self.instance + "/metadata", accept: accept)?.representation.words == expected)
    }

    @Test(arguments: [
        ([], "bulk application/octet-stream@~1,*/*@* multipart"),
        // OHIF, quoted and not; with a wanted syntax it sends two.
        (
            ["multipart/related; type=\"application/octet-stream\"; transfer-syntax=\"*\""],
            "bulk application/octet-stream@* multipart"
        ),
        (
            ["multipart/related; type=application/octet-stream; transfer-syntax=*"],
            "bulk application/octet-stream@* multipart"
        ),
        (
            ["multipart/related; type=\"image/jls\"; transfer-syntax=1.2.840.10008.1.2.4.80; transfer-syntax=*"],
            "bulk image/jls@~4.80,image/jls@* multipart"
        ),
        (
            ["multipart/related; type=\"application/octet-stream\"; transfer-syntax=1.2.840.10008.1.2.4.50"],
            "bulk application/octet-stream@~4.50,image/jpeg@~4.50 multipart"
        ),
        // dicomweb-client.
        (["multipart/related; type=\"*/*\""], "bulk application/octet-stream@~1,*/*@* multipart"),
        (
            [
                "multipart/related; type=\"image/jpeg\"; transfer-syntax=1.2.840.10008.1.2.4.50, multipart/related; type=\"image/jp2\""
            ], "bulk image/jpeg@~4.50,image/jp2@~4.90 multipart"
        ),
        // Defaults of the types, and their old names.
        (["multipart/related; type=\"application/octet-stream\""], "bulk application/octet-stream@~1 multipart"),
        (["multipart/related; type=\"image/jpeg\""], "bulk image/jpeg@~4.70 multipart"),
        (["multipart/related; type=\"image/x-jls\""], "bulk image/jls@~4.80 multipart"),
        (["multipart/related; type=\"image/dicom+jp2\""], "bulk image/jp2@~4.90 multipart"),
        (["multipart/related; type=\"image/*\""], "bulk image/*@* multipart"),
        (
            ["multipart/related; type=\"image/*\"; transfer-syntax=1.2.840.10008.1.2.4.90"],
            "bulk image/*@~4.90 multipart"
        ),
        (["application/octet-stream"], "bulk application/octet-stream@~1 single"),
        (["application/octet-stream; transfer-syntax=*"], "bulk application/octet-stream@* single"),
        (
            ["multipart/related; type=\"application/octet-stream; transfer-syntax=*\""],
            "bulk application/octet-stream@* multipart"
        ),
        (
            ["image/jp2;q=0.2, application/octet-stream;q=0.3, text/plain"],
            "bulk application/octet-stream@~1,image/jp2@~4.90 single"
        ),
    ])
    func frames(accept: [String], expected: String) throws {
        #expect(try ask(Self.instance + "/frames/1", accept: accept)?.representation.words == expected)
    }

    @Test(arguments: [
        ("?accept=video/mp4", [], "bulk video/mp4@~4.102,application/octet-stream@~1,*/*@* single"),
        ("", ["multipart/related; type=\"application/pdf\""], "bulk application/pdf@* multipart"),
        ("", ["*/*"], "bulk application/octet-stream@~1,*/*@* multipart"),
    ])
    func singleAttributes(query: String, accept: [String], expected: String) throws {
        #expect(try ask(Self.instance + "/bulkdata/00420011" + query, accept: accept)?.representation.words == expected)
    }

    @Test(arguments: [
        ("", [], "rendered */* either"),
        ("", ["image/jpeg"], "rendered image/jpeg single"),
        ("", ["image/png;q=0.5, image/jpeg"], "rendered image/jpeg,image/png single"),
        ("", ["multipart/related; type=\"image/jpeg\""], "rendered image/jpeg multipart"),
        ("", ["image/*"], "rendered image/* single"),
        // A browser's <img>, and its address bar.
        ("", ["image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"], "rendered image/*,*/* single"),
        ("", ["text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"], "rendered */* single"),
        ("", ["text/html"], "rendered text/html single"),
        // OHIF's thumbnails: the header speaks of something else.
        (
            "?accept=image/jpeg", ["multipart/related; type=\"application/octet-stream\"; transfer-syntax=*"],
            "rendered image/jpeg single"
        ),
        ("?accept=image%2Fjpeg", [], "rendered image/jpeg,*/* single"),
        ("?accept=image/gif,image/png", ["image/jpeg"], "rendered image/gif,image/png,image/jpeg single"),
        ("?accept=application/x", ["image/jpeg"], "rendered image/jpeg single"),
        ("", ["image/jpeg; transfer-syntax=1.2.840.10008.1.2.4.50"], "rendered image/jpeg single"),
    ])
    func pictures(query: String, accept: [String], expected: String) throws {
        for resource in ["/rendered", "/thumbnail", "/frames/1/rendered", "/frames/1/thumbnail"] {
            #expect(try ask(Self.instance + resource + query, accept: accept)?.representation.words == expected)
        }
    }

    @Test(arguments: [
        ("", "text/html", "application/dicom"),
        ("", "image/jpeg", "multipart/related; type=\"application/dicom\""),
        ("", "application/dicom;q=0", "application/dicom"),
        ("/metadata", "text/html", "application/dicom+json"),
        ("/metadata", "multipart/related; type=\"application/dicom\"", "application/dicom+xml"),
        ("/frames/1", "application/dicom", "application/octet-stream"),
        ("/frames/1", "multipart/form-data", "application/octet-stream"),
        ("/frames/1", "application/pdf", "application/octet-stream"),
        ("/rendered", "application/dicom", "image/jpeg"),
        ("/rendered", "multipart/related; type=\"application/octet-stream\"", "image/png"),
        ("/thumbnail", "image/webp", "image/jpeg"),
        ("/thumbnail", "bogus", "image/jpeg"),
    ])
    func nothingAcceptableSaysWhatCanBeHad(resource: String, accept: String, offer: String) throws {
        let error = try #require(refusal(Self.instance + resource, accept: [accept]))
        #expect(error.status == 406)
        #expect(error.message.contains(offer))
    }
}
