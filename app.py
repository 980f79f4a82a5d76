"""The demo, as the Space starts it: python app.py"""

from metaseg.demo.launch import prepare_page, serve

demo = prepare_page()

if __name__ == "__main__":
    serve(demo)
