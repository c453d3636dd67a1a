print("pmembench")
