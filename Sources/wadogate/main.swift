print("wadogate")
