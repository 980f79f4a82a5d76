"""The small files of every format that fuzzing starts from: python -m tests.fuzz.seeds

They lie in ``seeds``, one folder a format, so that an input is the same whenever it is made.
"""

import io
import shutil
import zipfile
from pathlib import Path

import cv2
import imagecodecs
import nibabel
import numpy as np
import tifffile
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from metaseg.scan import read_scan
from metaseg.scan.dicom_seg import write_dicom_seg
from tests.dicom_files import multi_frame_of, save_series, series_of

HERE = Path(__file__).parent
SEEDS, CORPUS = HERE / "seeds", HERE / "corpus"
FORMATS = (
    "png",
    "jpeg",
    "bmp",
    "webp",
    "tiff",
    "nifti",
    "nifti_gz",
    "dicom",
    "dicom_folder",
    "dicom_zip",
    "mask_picture",
    "mask_nifti",
    "dicom_seg",
)
SCAN_OF = {
    "mask_picture": SEEDS / "png/grey.png",
    "mask_nifti": SEEDS / "nifti/i16.nii",
    "dicom_seg": SEEDS / "dicom_folder/series",
}
"""The scan that a format of ground truth belongs to."""
SIZE = (36, 32)
"""Height and width."""
AFFINE = np.diag([-0.8, -1.1, 3.0, 1.0])  # its axes run as axial slices are shown


def seeds_of(format_: str) -> list[Path]:
    """What to start from: files, or folders, with those that once were defects."""
    return [
        path
        for folder in (SEEDS / format_, CORPUS / format_)
        if folder.is_dir()
        for path in sorted(folder.iterdir())
    ]


def write() -> None:
    shutil.rmtree(SEEDS, ignore_errors=True)
    for format_ in FORMATS:
        (SEEDS / format_).mkdir(parents=True)
    example = cv2.imread(str(HERE.parents[1] / "examples/glioblastoma_axial.png"), 0)
    grey = cv2.resize(example, SIZE[::-1], interpolation=cv2.INTER_AREA)
    volume = np.stack([np.roll(grey, k, 1) for k in range(5)]).astype(np.int16) * 7  # (D, H, W)
    _write_pictures(grey)
    _write_tiff(grey, volume)
    _write_nifti(volume)
    _write_dicom(volume)
    _write_masks(grey > np.percentile(grey, 90), volume > np.percentile(volume, 90))


def _write_pictures(grey: np.ndarray) -> None:
    colour = np.stack([grey, 255 - grey, grey // 2], -1)
    (SEEDS / "png/grey.png").write_bytes(imagecodecs.png_encode(grey))
    (SEEDS / "png/deep.png").write_bytes(imagecodecs.png_encode(grey.astype(np.uint16) * 200))
    (SEEDS / "png/alpha.png").write_bytes(imagecodecs.png_encode(np.dstack([colour, grey])))
    indexed = Image.fromarray(colour).quantize(16)
    indexed.save(SEEDS / "png/palette.png", transparency=3)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(grey).save(SEEDS / "jpeg/grey.jpg", exif=exif)
    Image.fromarray(colour).save(SEEDS / "jpeg/progressive.jpg", progressive=True)
    Image.fromarray(colour).convert("CMYK").save(SEEDS / "jpeg/cmyk.jpg")
    for name, picture in (("grey", Image.fromarray(grey)), ("palette", indexed)):
        picture.save(SEEDS / f"bmp/{name}.bmp")
    Image.fromarray(colour).save(SEEDS / "bmp/colour.bmp")
    Image.fromarray(colour).save(SEEDS / "webp/lossy.webp")
    frames = [Image.fromarray(grey), Image.fromarray(255 - grey)]
    frames[0].save(SEEDS / "webp/lossless.webp", lossless=True)
    frames[0].save(SEEDS / "webp/animated.webp", save_all=True, append_images=frames[1:])


def _write_tiff(grey: np.ndarray, volume: np.ndarray) -> None:
    folder = SEEDS / "tiff"
    colour = np.stack([grey] * 3, -1)
    tifffile.imwrite(folder / "pages.tif", volume.astype(np.uint16), compression="zlib")
    real = grey.astype(np.float32)
    tifffile.imwrite(folder / "float.tif", real, predictor=True, compression="lzw")
    tifffile.imwrite(folder / "tiles.tif", colour, tile=(16, 16), compression="jpeg")
    planes = {"photometric": "rgb", "planarconfig": "separate"}
    tifffile.imwrite(folder / "big.tif", np.moveaxis(colour, -1, 0), bigtiff=True, **planes)
    table = np.stack([np.arange(256, dtype=np.uint16) * 257] * 3)
    tifffile.imwrite(folder / "palette.tif", grey, photometric="palette", colormap=table)
    tifffile.imwrite(folder / "bits.tif", grey > 128, compression="packbits", byteorder=">")


def _write_nifti(volume: np.ndarray) -> None:
    array = volume.transpose(2, 1, 0)
    plain = nibabel.Nifti1Image(array, AFFINE)
    scaled = nibabel.Nifti1Image(array.astype(np.uint8), AFFINE)
    scaled.header.set_slope_inter(2.5, -10)
    second = nibabel.Nifti2Image(array.astype(np.float32), AFFINE)
    fourth = nibabel.Nifti1Image(np.stack([array, array + 1], -1).astype(np.uint8), AFFINE)
    images = {"i16": plain, "scaled": scaled, "second": second, "fourth": fourth}
    for name, image in images.items():
        nibabel.save(image, SEEDS / f"nifti/{name}.nii")
        nibabel.save(image, SEEDS / f"nifti_gz/{name}.nii.gz")


def _write_dicom(volume: np.ndarray) -> None:
    array = volume.transpose(2, 1, 0).astype(np.uint16)
    for syntax, name in (
        (None, "plain"),
        (DeflatedExplicitVRLittleEndian, "deflated"),
        (RLELossless, "rle"),
        (JPEG2000Lossless, "j2k"),
        (JPEGLSLossless, "jpegls"),
        (JPEGLosslessSV1, "ljpeg"),
    ):
        data = series_of(array, AFFINE)[2]
        if name == "ljpeg":
            data.PixelData = encapsulate([imagecodecs.ljpeg_encode(data.pixel_array)])
            data["PixelData"].VR = "OB"
            data["PixelData"].is_undefined_length = True
        elif name in ("rle", "j2k", "jpegls"):
            data.compress(syntax, generate_instance_uid=False)
        if syntax:
            data.file_meta.TransferSyntaxUID = syntax
        data.save_as(SEEDS / f"dicom/{name}.dcm", enforce_file_format=True)
    multi_frame_of(array, AFFINE).save_as(SEEDS / "dicom/frames.dcm", enforce_file_format=True)
    folder = save_series(SEEDS / "dicom_folder/series", series_of(array, AFFINE))
    for kind, name in ((zipfile.ZIP_STORED, "stored"), (zipfile.ZIP_DEFLATED, "deflated")):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", kind) as archive:
            for file in sorted(folder.iterdir()):
                archive.write(file, f"study/{file.name}")
        (SEEDS / f"dicom_zip/{name}.zip").write_bytes(buffer.getvalue())


def _write_masks(flat: np.ndarray, solid: np.ndarray) -> None:
    pixels = flat.astype(np.uint8) * 255
    for ending in ("png", "bmp", "webp"):
        Image.fromarray(pixels).save(SEEDS / f"mask_picture/mask.{ending}", lossless=True)
    tifffile.imwrite(SEEDS / "mask_picture/mask.tif", pixels, compression="zlib")
    image = nibabel.Nifti1Image(solid.transpose(2, 1, 0).astype(np.uint8), AFFINE)
    nibabel.save(image, SEEDS / "mask_nifti/mask.nii")
    nibabel.save(image, SEEDS / "mask_nifti/mask.nii.gz")
    # The series has the same voxels; where they lie in it is all the same here.
    scan = read_scan(SEEDS / "dicom_folder/series")
    write_dicom_seg(SEEDS / "dicom_seg/mask.dcm", solid, scan, "U-Net", "0" * 64)


if __name__ == "__main__":
    write()
