import Configuration

print(SettingsReference.text(), terminator: "")
