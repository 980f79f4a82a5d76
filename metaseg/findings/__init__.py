"""Results for people: lesions, outlines, pictures, reports and files."""
