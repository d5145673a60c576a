func serve(_ arguments: Arguments) -> ExitStatus { .failure }
func explain(_ arguments: Arguments) -> ExitStatus { .failure }
func demo(_ arguments: Arguments) -> ExitStatus { .failure }
