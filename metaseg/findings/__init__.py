"""What a prediction means to a person: lesions, outlines, pictures, the report, the files."""
